// RAII over the C handles of llama.cpp. No other file calls a llama_*_free function.
#pragma once

#include <ggml-backend.h>
#include <ggml.h>
#include <llama.h>

#include <memory>

namespace aicoder {

struct LlamaModelFree {
  void operator()(llama_model* model) const noexcept { llama_model_free(model); }
};
struct LlamaContextFree {
  void operator()(llama_context* context) const noexcept { llama_free(context); }
};
struct LlamaSamplerFree {
  void operator()(llama_sampler* sampler) const noexcept { llama_sampler_free(sampler); }
};
struct LlamaAdapterFree {
  void operator()(llama_adapter_lora* adapter) const noexcept { llama_adapter_lora_free(adapter); }
};
/// The CPU backend may be a plugin, so its functions are looked up and not linked.
struct GgmlThreadpoolFree {
  void (*free)(ggml_threadpool_t) = nullptr;
  void operator()(ggml_threadpool_t pool) const noexcept {
    if (free != nullptr) free(pool);
  }
};

using LlamaModelHandle = std::unique_ptr<llama_model, LlamaModelFree>;
using LlamaContextHandle = std::unique_ptr<llama_context, LlamaContextFree>;
using LlamaSamplerHandle = std::unique_ptr<llama_sampler, LlamaSamplerFree>;
using LlamaAdapterHandle = std::unique_ptr<llama_adapter_lora, LlamaAdapterFree>;
using GgmlThreadpoolHandle = std::unique_ptr<ggml_threadpool, GgmlThreadpoolFree>;

/// Worker threads for one context; null where the CPU backend offers none (llama.cpp then makes them at each decode).
GgmlThreadpoolHandle make_threadpool(int n_threads);

/// llama_backend_init and the redirection of llama.cpp's log to aicoder::log, once per process. Thread-safe.
void init_llama_backend();

}  // namespace aicoder
