// Content for GGUF tests: bytes put together by hand, and seeded random files for property tests.
#pragma once

#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "aicoder/core.h"
#include "aicoder/gguf.h"

namespace aicoder::test {

/// Appends raw little-endian parts: Bytes().text("GGUF").put<uint32_t>(3).
class Bytes {
 public:
  template <typename T>
  Bytes& put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    data_.append(raw, sizeof(T));
    return *this;
  }
  Bytes& text(std::string_view raw) {
    data_ += raw;
    return *this;
  }
  /// Length, then the bytes: how GGUF stores strings.
  Bytes& string(std::string_view value) { return put<uint64_t>(value.size()).text(value); }
  Bytes& pad_to(size_t multiple) {
    data_.resize((data_.size() + multiple - 1) / multiple * multiple, '\0');
    return *this;
  }
  const std::string& str() const { return data_; }

 private:
  std::string data_;
};

inline Bytes header(uint64_t tensors, uint64_t metadata, uint32_t version = 3) {
  return Bytes().text("GGUF").put(version).put(tensors).put(metadata);
}

struct RandomTensor {
  std::string name;
  GgufType type;
  std::vector<uint64_t> ne;
  std::vector<std::byte> data;
};
struct RandomContent {
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<RandomTensor> tensors;
};

class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : engine_(seed) {}
  uint64_t below(uint64_t n) { return engine_() % n; }
  uint64_t bits() { return engine_(); }

  std::string word(size_t at_most) {
    std::string text;
    for (size_t n = below(at_most + 1); n > 0; --n) text += static_cast<char>(below(255) + 1);
    return text;
  }
  template <typename T>
  T number() {
    if constexpr (std::is_floating_point_v<T>) return static_cast<T>(static_cast<double>(below(2'000'001)) / 1000.0 - 1000.0);
    return static_cast<T>(bits());
  }
  template <typename T>
  std::vector<T> numbers() {
    std::vector<T> values(below(9));
    for (auto& value : values) value = number<T>();
    return values;
  }

  GgufArray array() {
    switch (below(12)) {
      case 0:
        return numbers<uint8_t>();
      case 1:
        return numbers<int8_t>();
      case 2:
        return numbers<uint16_t>();
      case 3:
        return numbers<int16_t>();
      case 4:
        return numbers<uint32_t>();
      case 5:
        return numbers<int32_t>();
      case 6:
        return numbers<uint64_t>();
      case 7:
        return numbers<int64_t>();
      case 8:
        return numbers<float>();
      case 9:
        return numbers<double>();
      case 10: {
        std::vector<bool> values(below(9));
        for (size_t i = 0; i < values.size(); ++i) values[i] = below(2) == 1;
        return values;
      }
      default: {
        std::vector<std::string> values(below(9));
        for (auto& value : values) value = word(20);
        return values;
      }
    }
  }
  GgufValue value() {
    switch (below(13)) {
      case 0:
        return number<uint8_t>();
      case 1:
        return number<int8_t>();
      case 2:
        return number<uint16_t>();
      case 3:
        return number<int16_t>();
      case 4:
        return number<uint32_t>();
      case 5:
        return number<int32_t>();
      case 6:
        return number<uint64_t>();
      case 7:
        return number<int64_t>();
      case 8:
        return number<float>();
      case 9:
        return number<double>();
      case 10:
        return below(2) == 1;
      case 11:
        return word(40);
      default:
        return array();
    }
  }

 private:
  std::mt19937_64 engine_;
};

inline RandomContent random_content(uint64_t seed, uint64_t max_entries = 12) {
  static constexpr GgufType kTypes[] = {GgufType::kF32,  GgufType::kF16, GgufType::kQ4_0, GgufType::kQ8_0, GgufType::kQ4_K,
                                        GgufType::kQ6_K, GgufType::kI8,  GgufType::kBF16, GgufType::kI64};
  RandomSource random(seed);
  RandomContent content;
  for (uint64_t n = random.below(max_entries); n > 0; --n)
    content.metadata.emplace(std::string("k.").append(random.word(12)), random.value());
  if (random.below(3) == 0) content.metadata["general.alignment"] = uint32_t{8} << random.below(5);
  const uint64_t tensors = random.below(max_entries / 2 + 1);
  for (uint64_t i = 0; i < tensors; ++i) {
    RandomTensor tensor;
    tensor.name = std::string("t").append(std::to_string(i)).append(".").append(random.word(20));
    tensor.type = kTypes[random.below(std::size(kTypes))];
    const auto info = *gguf_type_info(static_cast<uint32_t>(tensor.type));
    tensor.ne.push_back(info.block_values * (1 + random.below(3)));
    for (uint64_t dims = random.below(4); dims > 0; --dims) tensor.ne.push_back(1 + random.below(3));
    uint64_t values = 1;
    for (uint64_t n : tensor.ne) values *= n;
    tensor.data.resize(values / info.block_values * info.block_bytes);
    for (auto& byte : tensor.data) byte = static_cast<std::byte>(random.below(256));
    content.tensors.push_back(std::move(tensor));
  }
  return content;
}

inline void write_content(const RandomContent& content, const std::filesystem::path& path) {
  GgufWriter writer;
  for (const auto& [key, value] : content.metadata) writer.set(key, value);
  for (const auto& tensor : content.tensors) writer.add_tensor(tensor.name, tensor.type, tensor.ne, tensor.data);
  writer.write(path);
}

}  // namespace aicoder::test
