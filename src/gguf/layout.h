// Checks and constants that the reader and the writer share, so that what one writes the other accepts.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder::gguf {

inline constexpr std::string_view kMagic = "GGUF";
inline constexpr uint32_t kVersion = 3;
inline constexpr uint32_t kDefaultAlignment = 32;
inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr size_t kMaxNameBytes = 63;                  // GGML_MAX_NAME - 1: ggml refuses longer tensor names
inline constexpr size_t kMaxDims = 4;                        // GGML_MAX_DIMS
inline constexpr uint64_t kMaxElements = uint64_t{1} << 30;  // ggml's limit for strings and arrays

/// Type numbers of metadata values; the order is that of GgufArray and GgufValue up to where strings and arrays begin.
enum class ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12
};

/// A power of two, and at least 8 as the format demands, so that mapped F32 and F64 data can be read in place.
constexpr bool valid_alignment(uint64_t alignment) { return alignment >= 8 && (alignment & (alignment - 1)) == 0; }

/// nullopt on overflow.
constexpr std::optional<uint64_t> padded(uint64_t n, uint64_t alignment) {
  if (n > std::numeric_limits<uint64_t>::max() - (alignment - 1)) return std::nullopt;
  return (n + alignment - 1) / alignment * alignment;
}

/// The bytes a tensor of this type and shape takes; on a bad shape, nullopt and the reason in `problem`.
std::optional<uint64_t> tensor_bytes(uint32_t type, const std::vector<uint64_t>& ne, std::string& problem);

/// Text from a file made fit for a message: at most 64 bytes, valid UTF-8, no control characters.
std::string printable(std::string_view text);
/// "[256, 64]"
std::string shape_text(const std::vector<uint64_t>& ne);

}  // namespace aicoder::gguf
