// GgufWriter: collects, checks, then writes version 3 through an AtomicFile.
#include <fmt/format.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include "aicoder/core.h"
#include "aicoder/gguf.h"
#include "gguf/layout.h"

namespace aicoder {
namespace {

using gguf::ValueType;

template <typename T>
constexpr ValueType value_type_of() {
  if constexpr (std::is_same_v<T, uint8_t>) return ValueType::kUint8;
  if constexpr (std::is_same_v<T, int8_t>) return ValueType::kInt8;
  if constexpr (std::is_same_v<T, uint16_t>) return ValueType::kUint16;
  if constexpr (std::is_same_v<T, int16_t>) return ValueType::kInt16;
  if constexpr (std::is_same_v<T, uint32_t>) return ValueType::kUint32;
  if constexpr (std::is_same_v<T, int32_t>) return ValueType::kInt32;
  if constexpr (std::is_same_v<T, float>) return ValueType::kFloat32;
  if constexpr (std::is_same_v<T, bool>) return ValueType::kBool;
  if constexpr (std::is_same_v<T, std::string>) return ValueType::kString;
  if constexpr (std::is_same_v<T, uint64_t>) return ValueType::kUint64;
  if constexpr (std::is_same_v<T, int64_t>) return ValueType::kInt64;
  if constexpr (std::is_same_v<T, double>) return ValueType::kFloat64;
  if constexpr (std::is_same_v<T, GgufArray>) return ValueType::kArray;
}

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(bool) == 1);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void put_string(std::string& out, std::string_view text) {
  put<uint64_t>(out, text.size());
  out += text;
}

template <typename T>
void put_element(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    put_string(out, value);
  } else {
    put(out, value);
  }
}

void put_value(std::string& out, const GgufValue& value) {
  std::visit(
      [&out](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        put(out, static_cast<uint32_t>(value_type_of<T>()));
        if constexpr (std::is_same_v<T, GgufArray>) {
          std::visit(
              [&out](const auto& elements) {
                using E = typename std::decay_t<decltype(elements)>::value_type;
                put(out, static_cast<uint32_t>(value_type_of<E>()));
                put<uint64_t>(out, elements.size());
                for (size_t i = 0; i < elements.size(); ++i) put_element<E>(out, elements[i]);
              },
              held);
        } else {
          put_element<T>(out, held);
        }
      },
      value);
}

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, "[gguf_write] " + message); }

}  // namespace

void GgufWriter::set(std::string key, GgufValue value) {
  if (key.empty() || key.find('\0') != std::string::npos) refuse("a metadata key is empty or holds a zero byte");
  if (key == gguf::kAlignmentKey) {
    const auto* alignment = std::get_if<uint32_t>(&value);
    if (alignment == nullptr || !gguf::valid_alignment(*alignment)) refuse("general.alignment must be a uint32, a power of two from 8");
  }
  metadata_.insert_or_assign(std::move(key), std::move(value));
}

void GgufWriter::add_tensor(std::string name, GgufType type, std::vector<uint64_t> ne, std::span<const std::byte> data) {
  const std::string shown = gguf::printable(name);
  if (name.empty() || name.find('\0') != std::string::npos) refuse("a tensor name is empty or holds a zero byte");
  if (name.size() > gguf::kMaxNameBytes) {
    refuse(fmt::format("tensor name '{}' has {} bytes, the limit is {}", shown, name.size(), gguf::kMaxNameBytes));
  }
  for (const Entry& entry : tensors_) {
    if (entry.tensor.name == name) refuse(fmt::format("tensor '{}' was added before", shown));
  }
  std::string problem;
  const auto bytes = gguf::tensor_bytes(static_cast<uint32_t>(type), ne, problem);
  if (!bytes) refuse(fmt::format("tensor '{}': {}", shown, problem));
  if (*bytes != data.size()) {
    refuse(fmt::format("tensor '{}' of shape {} takes {} bytes as {}, got {}", shown, gguf::shape_text(ne), *bytes,
                       gguf_type_info(static_cast<uint32_t>(type)).value().name, data.size()));
  }
  Entry entry;
  entry.tensor.name = std::move(name);
  entry.tensor.type = type;
  entry.tensor.ne = std::move(ne);
  entry.tensor.bytes = *bytes;
  entry.data = data;
  tensors_.push_back(std::move(entry));
}

void GgufWriter::add_f32(std::string name, std::vector<uint64_t> ne, std::vector<float> values) {
  auto owned = std::make_shared<const std::vector<float>>(std::move(values));
  add_tensor(std::move(name), GgufType::kF32, std::move(ne), std::as_bytes(std::span(*owned)));
  tensors_.back().owned = std::move(owned);
}

void GgufWriter::write(const std::filesystem::path& path) const {
  uint64_t alignment = gguf::kDefaultAlignment;
  if (const auto found = metadata_.find(std::string(gguf::kAlignmentKey)); found != metadata_.end()) {
    alignment = std::get<uint32_t>(found->second);
  }
  std::string header(gguf::kMagic);
  put(header, gguf::kVersion);
  put<uint64_t>(header, tensors_.size());
  put<uint64_t>(header, metadata_.size());
  for (const auto& [key, value] : metadata_) {
    put_string(header, key);
    put_value(header, value);
  }
  uint64_t offset = 0;
  for (const Entry& entry : tensors_) {
    put_string(header, entry.tensor.name);
    put(header, static_cast<uint32_t>(entry.tensor.ne.size()));
    for (uint64_t n : entry.tensor.ne) put(header, n);
    put(header, static_cast<uint32_t>(entry.tensor.type));
    put(header, offset);
    offset += gguf::padded(entry.tensor.bytes, alignment).value();  // sizes of real memory: no overflow
  }
  header.resize(static_cast<size_t>(gguf::padded(header.size(), alignment).value()), '\0');

  AtomicFile file(path);
  file.write(header);
  const std::string zeros(static_cast<size_t>(alignment), '\0');
  for (const Entry& entry : tensors_) {
    file.write({reinterpret_cast<const char*>(entry.data.data()), entry.data.size()});
    const uint64_t padding = gguf::padded(entry.data.size(), alignment).value() - entry.data.size();
    file.write(std::string_view(zeros).substr(0, static_cast<size_t>(padding)));
  }
  file.commit();
}

}  // namespace aicoder
