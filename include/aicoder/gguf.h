// gguf: reads and writes GGUF files (metadata and tensors), checking every length before anything is touched.
//
//   auto file = aicoder::GgufFile::open("model.gguf");
//   file.get_string("general.architecture");                     // "qwen2"
//   for (const auto& t : file.tensors()) use(t.name, file.bytes(t));
//
// Does not interpret quantized blocks (model.h dequantizes) and never calls ggml: it is the gate that files pass before ggml,
// which aborts on broken ones. Byte layout: docs/formats/gguf.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aicoder {

/// Tensor types by their GGUF number (same values as ggml_type). Others are refused by name.
enum class GgufType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41,
  kQ2_0 = 42
};
struct GgufTypeInfo {
  std::string_view name;  ///< "Q4_K"
  size_t block_values;    ///< values per block
  size_t block_bytes;
};
/// nullopt for a number this build does not know.
std::optional<GgufTypeInfo> gguf_type_info(uint32_t type) noexcept;

using GgufArray = std::variant<std::vector<uint8_t>, std::vector<int8_t>, std::vector<uint16_t>, std::vector<int16_t>,
                               std::vector<uint32_t>, std::vector<int32_t>, std::vector<uint64_t>, std::vector<int64_t>, std::vector<float>,
                               std::vector<double>, std::vector<bool>, std::vector<std::string>>;
using GgufValue =
    std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t, float, double, bool, std::string, GgufArray>;

struct GgufTensor {
  std::string name;
  GgufType type = GgufType::kF32;
  std::vector<uint64_t> ne;  ///< ggml order: ne[0] is the contiguous dimension; 1 to 4 entries
  uint64_t offset = 0;       ///< from the start of the data section
  uint64_t bytes = 0;
  uint64_t values() const noexcept;
};

/// A memory-mapped, fully checked file. Copies share the mapping. Thread-safe for reading.
class GgufFile {
 public:
  /// \throws Error(kNotFound), Error(kDataLoss) for a wrong magic, an unknown version or type, a length or offset outside
  /// the file, a duplicate name, a tensor whose size disagrees with its shape; the message says where and what.
  static GgufFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept;
  uint64_t file_bytes() const noexcept;
  const std::vector<GgufTensor>& tensors() const noexcept;
  const GgufTensor* find(std::string_view name) const noexcept;  ///< nullptr when absent
  std::span<const std::byte> bytes(const GgufTensor& tensor) const noexcept;
  /// F32 tensors only. \throws Error(kInvalidArgument).
  std::span<const float> floats(const GgufTensor& tensor) const;

  const std::map<std::string, GgufValue, std::less<>>& metadata() const noexcept;
  /// nullopt when the key is absent. \throws Error(kDataLoss) when it has another type. Integers of any width convert.
  std::optional<std::string> get_string(std::string_view key) const;
  std::optional<int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::vector<std::string>> get_strings(std::string_view key) const;
  std::optional<std::vector<float>> get_floats(std::string_view key) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// Collects metadata and tensors, then writes version 3 atomically.
class GgufWriter {
 public:
  void set(std::string key, GgufValue value);
  /// data is borrowed until write(). \throws Error(kInvalidArgument) when bytes disagree with type and shape or the name is taken.
  void add_tensor(std::string name, GgufType type, std::vector<uint64_t> ne, std::span<const std::byte> data);
  /// As above, taking ownership of F32 values.
  void add_f32(std::string name, std::vector<uint64_t> ne, std::vector<float> values);
  /// \throws as write_file_atomic.
  void write(const std::filesystem::path& path) const;

 private:
  struct Entry {
    GgufTensor tensor;
    std::span<const std::byte> data;
    std::shared_ptr<const std::vector<float>> owned;
  };
  std::map<std::string, GgufValue> metadata_;
  std::vector<Entry> tensors_;
};

}  // namespace aicoder
