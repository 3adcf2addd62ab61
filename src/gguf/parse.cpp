#include "gguf/parse.h"

#include <fmt/format.h>

#include <bit>
#include <cctype>
#include <cstring>
#include <utility>

#include "aicoder/core.h"
#include "gguf/layout.h"

namespace aicoder::gguf {
namespace {

static_assert(std::endian::native == std::endian::little, "the mapped bytes are used as they are");

class Reader {
 public:
  Reader(std::span<const std::byte> file, const std::string& name) : file_(file), name_(name) {}

  [[noreturn]] void fail(const std::string& problem, std::string fix = "get the file again") const {
    throw Error(ErrorCode::kDataLoss, fmt::format("[gguf] {}: {}", name_, problem), std::move(fix));
  }

  uint64_t position() const { return position_; }
  uint64_t size() const { return file_.size(); }

  /// Refuses a claim of `count` things of at least `min_bytes` each that cannot be in what is left of the file.
  void expect_room(uint64_t count, uint64_t min_bytes, std::string_view what) const {
    const uint64_t left = file_.size() - position_;
    if (count > left / min_bytes) {
      fail(fmt::format("truncated: file has {} bytes, {} at byte {} needs at least {} x {} bytes", file_.size(), what, position_, count,
                       min_bytes));
    }
  }

  template <typename T>
  T scalar(std::string_view what) {
    expect_room(1, sizeof(T), what);
    T value;
    std::memcpy(&value, file_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::string string(std::string_view what) {
    const auto length = scalar<uint64_t>(what);
    if (length > kMaxElements)
      fail(fmt::format("{} at byte {} claims {} bytes, the limit is {}", what, position_ - 8, length, kMaxElements));
    expect_room(length, 1, what);
    std::string text(reinterpret_cast<const char*>(file_.data() + position_), static_cast<size_t>(length));
    position_ += length;
    return text;
  }

  template <typename T>
  std::vector<T> numbers(uint64_t count, std::string_view what) {
    expect_room(count, sizeof(T), what);
    std::vector<T> values(static_cast<size_t>(count));
    if (count > 0) std::memcpy(values.data(), file_.data() + position_, values.size() * sizeof(T));
    position_ += values.size() * sizeof(T);
    return values;
  }

  bool boolean(std::string_view what) {
    const auto byte = scalar<uint8_t>(what);
    if (byte > 1) fail(fmt::format("{} at byte {} is a bool of value {}, expected 0 or 1", what, position_ - 1, byte));
    return byte == 1;
  }

 private:
  std::span<const std::byte> file_;
  const std::string& name_;
  uint64_t position_ = 0;
};

/// Other things that people hand over by mistake deserve their own sentence.
std::string describe_wrong_magic(std::string_view head) {
  if (head.starts_with("version https://git-lfs")) return "this is a git-lfs pointer, not the file it stands for";
  if (head.starts_with("<!") || head.starts_with("<html")) return "this is a web page, not a GGUF file";
  if (head.starts_with("PK")) return "this is a zip archive, not a GGUF file";
  if (head.starts_with("lmgg") || head.starts_with("tjgg") || head.starts_with("algg") || head.starts_with("fmgg")) {
    return "this is a file of the old ggml format, from before GGUF";
  }
  if (head.starts_with("FUGG")) return "the magic is reversed: a big-endian file; only little-endian files are read";
  return fmt::format("the first bytes are '{}', expected 'GGUF'", printable(head.substr(0, 4)));
}

void read_magic_and_version(std::span<const std::byte> file, Reader& in) {
  const std::string_view head(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 32));
  if (!head.starts_with(kMagic.substr(0, head.size()))) in.fail("not a GGUF file: " + describe_wrong_magic(head));
  in.scalar<uint32_t>("the magic");
  const auto version = in.scalar<uint32_t>("the version");
  if (version != 0 && (version & 0xffff) == 0) {
    in.fail("the version number is byte-swapped: a big-endian file; only little-endian files are read",
            "convert it with gguf_convert_endian of the Python gguf package");
  }
  if (version != 2 && version != kVersion) in.fail(fmt::format("GGUF version {}, expected 2 or {}", version, kVersion));
}

GgufArray read_array(Reader& in, const std::string& what) {
  const auto type = in.scalar<uint32_t>(what);
  const auto count = in.scalar<uint64_t>(what);
  if (count > kMaxElements) in.fail(fmt::format("{} claims {} elements, the limit is {}", what, count, kMaxElements));
  switch (static_cast<ValueType>(type)) {
    case ValueType::kUint8:
      return in.numbers<uint8_t>(count, what);
    case ValueType::kInt8:
      return in.numbers<int8_t>(count, what);
    case ValueType::kUint16:
      return in.numbers<uint16_t>(count, what);
    case ValueType::kInt16:
      return in.numbers<int16_t>(count, what);
    case ValueType::kUint32:
      return in.numbers<uint32_t>(count, what);
    case ValueType::kInt32:
      return in.numbers<int32_t>(count, what);
    case ValueType::kFloat32:
      return in.numbers<float>(count, what);
    case ValueType::kUint64:
      return in.numbers<uint64_t>(count, what);
    case ValueType::kInt64:
      return in.numbers<int64_t>(count, what);
    case ValueType::kFloat64:
      return in.numbers<double>(count, what);
    case ValueType::kBool: {
      in.expect_room(count, 1, what);
      std::vector<bool> values(static_cast<size_t>(count));
      for (size_t i = 0; i < values.size(); ++i) values[i] = in.boolean(what);
      return values;
    }
    case ValueType::kString: {
      in.expect_room(count, sizeof(uint64_t), what);
      std::vector<std::string> values;
      values.reserve(static_cast<size_t>(count));
      for (uint64_t i = 0; i < count; ++i) values.push_back(in.string(what));
      return values;
    }
    case ValueType::kArray:
      in.fail(what + " is an array of arrays, which ggml does not read");
  }
  in.fail(fmt::format("{} is an array of unknown type {}", what, type));
}

GgufValue read_value(Reader& in, const std::string& what) {
  const auto type = in.scalar<uint32_t>(what);
  switch (static_cast<ValueType>(type)) {
    case ValueType::kUint8:
      return in.scalar<uint8_t>(what);
    case ValueType::kInt8:
      return in.scalar<int8_t>(what);
    case ValueType::kUint16:
      return in.scalar<uint16_t>(what);
    case ValueType::kInt16:
      return in.scalar<int16_t>(what);
    case ValueType::kUint32:
      return in.scalar<uint32_t>(what);
    case ValueType::kInt32:
      return in.scalar<int32_t>(what);
    case ValueType::kFloat32:
      return in.scalar<float>(what);
    case ValueType::kBool:
      return in.boolean(what);
    case ValueType::kString:
      return in.string(what);
    case ValueType::kArray:
      return read_array(in, what);
    case ValueType::kUint64:
      return in.scalar<uint64_t>(what);
    case ValueType::kInt64:
      return in.scalar<int64_t>(what);
    case ValueType::kFloat64:
      return in.scalar<double>(what);
  }
  in.fail(fmt::format("{} has unknown type {}", what, type));
}

void read_metadata(Reader& in, uint64_t count, Parsed& out) {
  in.expect_room(count, 8 + 1 + 4 + 1, "the metadata");  // a name of one byte, a type, a value of one byte
  for (uint64_t i = 0; i < count; ++i) {
    std::string key = in.string("a metadata key");
    if (key.empty()) in.fail(fmt::format("metadata key {} is empty", i));
    if (key.find('\0') != std::string::npos) in.fail(fmt::format("metadata key '{}' holds a zero byte", printable(key)));
    if (out.metadata.contains(key)) in.fail(fmt::format("metadata key '{}' occurs twice", printable(key)));
    GgufValue value = read_value(in, "metadata '" + printable(key) + "'");
    out.metadata.emplace(std::move(key), std::move(value));
  }
}

uint32_t read_alignment(const Reader& in, const Parsed& parsed) {
  const auto found = parsed.metadata.find(kAlignmentKey);
  if (found == parsed.metadata.end()) return kDefaultAlignment;
  const auto* alignment = std::get_if<uint32_t>(&found->second);
  if (alignment == nullptr) in.fail("general.alignment is not of type uint32");
  if (!valid_alignment(*alignment)) in.fail(fmt::format("general.alignment is {}, expected a power of two from 8", *alignment));
  return *alignment;
}

void read_tensors(Reader& in, uint64_t count, Parsed& out) {
  in.expect_room(count, 8 + 1 + 4 + 4 + 8, "the tensor list");  // a name of one byte, dimension count, type, offset
  out.tensors.reserve(static_cast<size_t>(count));
  for (uint64_t i = 0; i < count; ++i) {
    GgufTensor tensor;
    tensor.name = in.string("a tensor name");
    const std::string shown = printable(tensor.name);
    if (tensor.name.empty()) in.fail(fmt::format("the name of tensor {} is empty", i));
    if (tensor.name.size() > kMaxNameBytes) {
      in.fail(fmt::format("tensor name '{}' has {} bytes, the limit is {}", shown, tensor.name.size(), kMaxNameBytes));
    }
    if (tensor.name.find('\0') != std::string::npos) in.fail(fmt::format("tensor name '{}' holds a zero byte", shown));
    if (!out.index.emplace(tensor.name, out.tensors.size()).second) in.fail(fmt::format("tensor '{}' occurs twice", shown));

    const auto dims = in.scalar<uint32_t>("a dimension count");
    if (dims > kMaxDims) in.fail(fmt::format("tensor '{}' has {} dimensions, expected 1 to {}", shown, dims, kMaxDims));
    tensor.ne = in.numbers<uint64_t>(dims, "a shape");
    if (dims == 0) tensor.ne = {1};  // a scalar, as ggml reads it
    const auto type = in.scalar<uint32_t>("a tensor type");
    std::string problem;
    const auto bytes = tensor_bytes(type, tensor.ne, problem);
    if (!bytes) in.fail(fmt::format("tensor '{}': {}", shown, problem));
    tensor.type = static_cast<GgufType>(type);
    tensor.bytes = *bytes;
    tensor.offset = in.scalar<uint64_t>("a tensor offset");
    out.tensors.push_back(std::move(tensor));
  }
}

/// Tensors lie one after the other, each padded to the alignment: ggml accepts no other order.
void check_data(const Reader& in, uint32_t alignment, Parsed& out) {
  if (out.tensors.empty()) {
    out.data_start = in.position();
    return;
  }
  const auto start = padded(in.position(), alignment);
  if (!start) in.fail("the data section starts past the largest offset");
  out.data_start = *start;
  uint64_t expected = 0;
  for (const GgufTensor& tensor : out.tensors) {
    if (tensor.offset != expected) {
      in.fail(fmt::format("tensor '{}' is at offset {} of the data section, expected {}", printable(tensor.name), tensor.offset, expected));
    }
    // Neither sum wraps: bytes is below 2^63, and data_start + offset is at most the file size plus one alignment, checked each turn.
    const uint64_t end = out.data_start + tensor.offset + tensor.bytes;
    if (end > in.size()) {
      in.fail(fmt::format("truncated: file has {} bytes, tensor '{}' ends at {}", in.size(), printable(tensor.name), end));
    }
    expected = padded(tensor.offset + tensor.bytes, alignment).value();
  }
}

}  // namespace

Parsed parse(std::span<const std::byte> file, const std::string& name) {
  Reader in(file, name);
  read_magic_and_version(file, in);
  const auto tensor_count = in.scalar<uint64_t>("the tensor count");
  const auto metadata_count = in.scalar<uint64_t>("the metadata count");
  Parsed parsed;
  read_metadata(in, metadata_count, parsed);
  const uint32_t alignment = read_alignment(in, parsed);
  read_tensors(in, tensor_count, parsed);
  check_data(in, alignment, parsed);
  return parsed;
}

}  // namespace aicoder::gguf
