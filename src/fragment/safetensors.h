// Reads and writes safetensors files: 8 bytes little-endian length of the header, a JSON header, then the tensors' bytes.
// Layout and what is refused: docs/formats/peft.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder::fragment {

struct SafeTensor {
  std::string name;
  std::string dtype;             ///< as written: "F32"
  std::optional<GgufType> type;  ///< F32, F16 or BF16; nullopt: a known type that has no use in an adapter
  std::vector<uint64_t> shape;   ///< row-major: the last dimension is contiguous
  uint64_t begin = 0, end = 0;   ///< in the data section
};
struct SafeHeader {
  std::vector<SafeTensor> tensors;  ///< in the order of their bytes
  std::map<std::string, std::string> metadata;
};
/// Checks everything the header says: JSON, names, dtypes, shapes against lengths, and that the tensors tile the data section
/// without gap, overlap or rest. \param data_bytes  length of the data section
/// \throws Error(kDataLoss); kUnimplemented for a dtype this reader does not know. Thread-safe.
SafeHeader parse_safe_header(std::string_view json, uint64_t data_bytes);

/// A checked file; tensors are read when asked for. Not thread-safe.
class SafetensorsFile {
 public:
  /// \throws Error kNotFound, kDataLoss, kUnimplemented; the message names the file.
  static SafetensorsFile open(const std::filesystem::path& path);
  const std::filesystem::path& path() const noexcept { return path_; }
  const SafeHeader& header() const noexcept { return header_; }
  const SafeTensor* find(std::string_view name) const noexcept;  ///< nullptr when absent
  /// \throws Error(kDataLoss) when the file has become shorter.
  std::vector<std::byte> bytes(const SafeTensor& tensor) const;

 private:
  std::filesystem::path path_;
  SafeHeader header_;
  uint64_t data_start_ = 0;
};

/// One tensor to write; the bytes are borrowed.
struct SafeSource {
  std::string name;
  GgufType type = GgufType::kF32;  ///< F32, F16 or BF16
  std::vector<uint64_t> shape;     ///< row-major
  std::span<const std::byte> bytes;
};
/// Atomic; the data section starts at a multiple of 8. \throws as write_file_atomic; Error(kInvalidArgument) when a length
/// disagrees with its shape or a name stands twice.
void write_safetensors(const std::filesystem::path& path, std::span<const SafeSource> tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace aicoder::fragment
