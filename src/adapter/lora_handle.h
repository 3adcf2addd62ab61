// RAII over llama.cpp's LoRA handle for this module.
#pragma once

#include <llama.h>

#include <memory>

namespace aicoder {

struct LoraFree {
  void operator()(llama_adapter_lora* adapter) const noexcept;
};
using LoraHandle = std::unique_ptr<llama_adapter_lora, LoraFree>;

}  // namespace aicoder
