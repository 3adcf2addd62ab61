// The header of a safetensors file: any bytes are read or refused by our one error type.
#include <string_view>

#include "aicoder/core.h"
#include "fragment/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const uint64_t data_bytes = size == 0 ? 0 : data[size - 1];
    const auto header = aicoder::fragment::parse_safe_header(text.substr(0, size == 0 ? 0 : size - 1), data_bytes);
    for (const auto& tensor : header.tensors) {
      if (tensor.begin > tensor.end || tensor.end > data_bytes) __builtin_trap();
    }
  } catch (const aicoder::Error&) {
  }
  return 0;
}
