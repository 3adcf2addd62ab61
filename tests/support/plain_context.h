// Contexts straight on llama.cpp's C API, as oracles.
#pragma once

#include <llama.h>

namespace aicoder::test {

/// One thread, and attention computed as contexts of ours do it on a processor (src/model/context.cpp): else greedy answers differ by
/// rounding.
inline llama_context_params plain_context_params(uint32_t n_ctx) {
  llama_context_params params = llama_context_default_params();
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.n_ubatch = 128;
  params.n_ctx = n_ctx;
  params.n_threads = params.n_threads_batch = 1;
  return params;
}

}  // namespace aicoder::test
