// Any bytes at all: the GGUF parser accepts or throws Error(kDataLoss), and what it accepts lies inside the file.
#include <cstdlib>
#include <span>

#include "aicoder/core.h"
#include "gguf/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    const auto parsed = aicoder::gguf::parse(file, "fuzz.gguf");
    for (const auto& tensor : parsed.tensors) {
      if (tensor.bytes == 0 || parsed.data_start + tensor.offset + tensor.bytes > size) std::abort();
      if (!parsed.index.contains(tensor.name)) std::abort();
    }
  } catch (const aicoder::Error& error) {
    if (error.code() != aicoder::ErrorCode::kDataLoss) std::abort();
  }
  return 0;
}
