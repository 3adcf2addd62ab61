#include "fragment/safetensors.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "aicoder/core.h"

namespace aicoder::fragment {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kLargestHeader = uint64_t{16} << 20;  // an adapter of a thousand tensors has 150 kB
constexpr int kDepth = 4;                                // {"name": {"shape": [1]}} and one to spare

struct Dtype {
  std::string_view name;
  uint64_t bytes;
  std::optional<GgufType> type;
};
constexpr std::array<Dtype, 12> kDtypes = {{
    {"F32", 4, GgufType::kF32},
    {"F16", 2, GgufType::kF16},
    {"BF16", 2, GgufType::kBF16},
    {"F64", 8, std::nullopt},
    {"I64", 8, std::nullopt},
    {"U64", 8, std::nullopt},
    {"I32", 4, std::nullopt},
    {"U32", 4, std::nullopt},
    {"I16", 2, std::nullopt},
    {"I8", 1, std::nullopt},
    {"U8", 1, std::nullopt},
    {"BOOL", 1, std::nullopt},
}};

[[noreturn]] void broken(const std::string& message, ErrorCode code = ErrorCode::kDataLoss) {
  throw Error(code, "[safetensors] " + message);
}

/// A name as it may stand in a message: it comes from the file.
std::string shown(std::string_view name) {
  constexpr size_t kLongest = 120;
  return "'" + to_valid_utf8(name.substr(0, kLongest)) + (name.size() > kLongest ? "..." : "") + "'";
}

/// nullopt on overflow.
std::optional<uint64_t> times(uint64_t a, uint64_t b) {
  if (b != 0 && a > std::numeric_limits<uint64_t>::max() / b) return std::nullopt;
  return a * b;
}

/// Names that stand twice are an error here, while the JSON library keeps the last silently.
Json parse_json(std::string_view text) {
  bool too_deep = false;
  std::string twice;
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    too_deep |= depth > kDepth;
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.empty() && parsed.is_string()) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(name).second) twice = name;
    }
    return !too_deep;  // what lies deeper is not kept
  };
  Json json = Json::parse(text, watch, false);
  if (too_deep) broken("header: nested deeper than a header is");
  if (json.is_discarded() || !json.is_object()) broken("header: expected a JSON object");
  if (!twice.empty()) broken("header: " + shown(twice) + " stands twice");
  return json;
}

std::vector<uint64_t> numbers(const Json& entry, const char* key, const std::string& name) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) broken(name + ": expected an array " + key);
  std::vector<uint64_t> values;
  for (const Json& value : *found) {
    if (!value.is_number_unsigned()) broken(name + ": " + key + ": expected whole numbers that are not negative");
    values.push_back(value.get<uint64_t>());
  }
  return values;
}

SafeTensor read_entry(const std::string& name, const Json& entry, uint64_t data_bytes) {
  const std::string place = "tensor " + shown(name);
  if (!entry.is_object()) broken(place + ": expected an object");
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) broken(place + ": expected a dtype");
  SafeTensor tensor{.name = name, .dtype = dtype->get<std::string>()};
  const auto* known = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == tensor.dtype; });
  if (known == kDtypes.end()) broken(place + ": dtype " + shown(tensor.dtype) + " is not known here", ErrorCode::kUnimplemented);
  tensor.type = known->type;
  tensor.shape = numbers(entry, "shape", place);
  if (tensor.shape.size() > 8) broken(place + ": expected at most 8 dimensions, found " + std::to_string(tensor.shape.size()));
  const auto offsets = numbers(entry, "data_offsets", place);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) broken(place + ": data_offsets: expected [begin, end]");
  tensor.begin = offsets[0];
  tensor.end = offsets[1];
  if (tensor.end > data_bytes) {
    broken(place + ": ends at byte " + std::to_string(tensor.end) + " of " + std::to_string(data_bytes) + " bytes of data");
  }
  std::optional<uint64_t> bytes = known->bytes;
  for (const uint64_t dim : tensor.shape) {
    if (bytes) bytes = times(*bytes, dim);
  }
  if (!bytes || *bytes != tensor.end - tensor.begin) {
    broken(place + ": its " + std::to_string(tensor.end - tensor.begin) + " bytes disagree with its shape");
  }
  return tensor;
}

}  // namespace

SafeHeader parse_safe_header(std::string_view json, uint64_t data_bytes) {
  if (!json.starts_with('{')) broken("header: expected '{' as its first byte");
  const Json parsed = parse_json(json);
  SafeHeader header;
  for (const auto& [name, entry] : parsed.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) broken("__metadata__: expected an object");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) broken("__metadata__: " + shown(key) + ": expected text");
        header.metadata[key] = value.get<std::string>();
      }
      continue;
    }
    header.tensors.push_back(read_entry(name, entry, data_bytes));
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const SafeTensor& a, const SafeTensor& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t reached = 0;
  for (const SafeTensor& tensor : header.tensors) {
    if (tensor.begin < reached) broken("tensor " + shown(tensor.name) + " overlaps the one before it");
    if (tensor.begin > reached) broken("bytes " + std::to_string(reached) + " to " + std::to_string(tensor.begin) + " belong to no tensor");
    reached = tensor.end;
  }
  if (reached != data_bytes) broken(std::to_string(data_bytes - reached) + " bytes after the last tensor belong to no tensor");
  return header;
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  const std::string place = "[safetensors] " + path.filename().string() + ": ";
  std::error_code error;
  const uint64_t size = std::filesystem::is_regular_file(path, error) ? std::filesystem::file_size(path, error) : 0;
  std::ifstream in(path, std::ios::binary);
  if (error || !in || !std::filesystem::is_regular_file(path, error)) {
    throw Error(ErrorCode::kNotFound, "[safetensors] no file " + path.string());
  }
  if (size < kLengthBytes) throw Error(ErrorCode::kDataLoss, place + "expected at least 8 bytes, found " + std::to_string(size));
  std::array<unsigned char, kLengthBytes> length_bytes{};
  in.read(reinterpret_cast<char*>(length_bytes.data()), kLengthBytes);
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{length_bytes[i]} << (8 * i);
  if (length > kLargestHeader || length > size - kLengthBytes) {
    throw Error(ErrorCode::kDataLoss,
                place + "a header of " + std::to_string(length) + " bytes does not fit the file of " + std::to_string(size) +
                    " bytes or is above the limit of " + std::to_string(kLargestHeader),
                "get the file again");
  }
  std::string json(length, '\0');
  in.read(json.data(), static_cast<std::streamsize>(length));
  if (!in) throw Error(ErrorCode::kDataLoss, place + "the header could not be read");
  SafetensorsFile file;
  file.path_ = path;
  file.data_start_ = kLengthBytes + length;
  try {
    file.header_ = parse_safe_header(json, size - file.data_start_);
  } catch (const Error& e) {
    throw Error(e.code(), std::string(e.what()) + " (" + path.filename().string() + ")", "get the file again");
  }
  return file;
}

const SafeTensor* SafetensorsFile::find(std::string_view name) const noexcept {
  const auto found = std::find_if(header_.tensors.begin(), header_.tensors.end(), [&](const SafeTensor& t) { return t.name == name; });
  return found == header_.tensors.end() ? nullptr : &*found;
}

std::vector<std::byte> SafetensorsFile::bytes(const SafeTensor& tensor) const {
  std::vector<std::byte> bytes(tensor.end - tensor.begin);
  std::ifstream in(path_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(data_start_ + tensor.begin));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) broken(path_.filename().string() + ": " + tensor.name + " could not be read");
  return bytes;
}

void write_safetensors(const std::filesystem::path& path, std::span<const SafeSource> tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto refuse = [](const std::string& name, const std::string& what) {
    throw Error(ErrorCode::kInvalidArgument, "[safetensors] " + name + ": " + what);
  };
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const SafeSource& tensor : tensors) {
    const auto* dtype = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.type == tensor.type; });
    if (dtype == kDtypes.end()) refuse(tensor.name, "expected F32, F16 or BF16");
    std::optional<uint64_t> bytes = dtype->bytes;
    for (const uint64_t dim : tensor.shape) {
      if (bytes) bytes = times(*bytes, dim);
    }
    if (!bytes || *bytes != tensor.bytes.size()) refuse(tensor.name, "its bytes disagree with its shape");
    if (header.contains(tensor.name)) refuse(tensor.name, "stands twice");
    header[tensor.name] = {{"dtype", dtype->name}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + *bytes}}};
    offset += *bytes;
  }
  std::string json = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string length;
  for (size_t i = 0; i < kLengthBytes; ++i) length += static_cast<char>((uint64_t{json.size()} >> (8 * i)) & 0xffu);
  AtomicFile file(path);
  file.write(length);
  file.write(json);
  for (const SafeSource& tensor : tensors) file.write({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
  file.commit();
}

}  // namespace aicoder::fragment
