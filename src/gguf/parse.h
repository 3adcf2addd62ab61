// Parses the header of a GGUF file that lies in memory. Everything read is checked against the bytes that exist before use, and
// everything ggml would refuse or abort on is refused here with a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder::gguf {

struct Parsed {
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;
  std::map<std::string, size_t, std::less<>> index;  ///< tensor name to its place in `tensors`
  uint64_t data_start = 0;                           ///< file offset of the data section
};

/// \param file  the whole file   \param name  shown in messages
/// \throws Error(kDataLoss). Memory used is at most a small multiple of the header's real size, whatever counts it claims.
Parsed parse(std::span<const std::byte> file, const std::string& name);

}  // namespace aicoder::gguf
