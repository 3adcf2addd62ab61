// Logits by llama.cpp's public interface alone, as any program that links it would get them: nothing of ours in between.
#pragma once

#include <llama.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "aicoder/model.h"
#include "support/plain_context.h"

namespace aicoder::test {

/// After each token, [tokens.size(), n_vocab]. One thread and one batch, like a deterministic Context of one thread for a short text.
/// \param lora  empty: without
inline std::vector<float> stock_logits(const std::filesystem::path& path, const std::filesystem::path& lora, float strength,
                                       const std::vector<Token>& tokens) {
  const std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
      llama_model_load_from_file(path.c_str(), llama_model_default_params()), llama_model_free);
  if (!model) throw std::runtime_error("stock: no model");
  const llama_context_params params = test::plain_context_params(256);
  // The adapter goes before the model and after the context.
  std::unique_ptr<llama_adapter_lora, decltype(&llama_adapter_lora_free)> adapter(nullptr, llama_adapter_lora_free);
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(llama_init_from_model(model.get(), params), llama_free);
  if (!context) throw std::runtime_error("stock: no context");
  if (!lora.empty()) {
    adapter.reset(llama_adapter_lora_init(model.get(), lora.c_str()));
    llama_adapter_lora* one = adapter.get();
    if (one == nullptr || llama_set_adapters_lora(context.get(), &one, 1, &strength) != 0) throw std::runtime_error("stock: no adapter");
  }
  const auto n = static_cast<int32_t>(tokens.size());
  const std::unique_ptr<llama_batch, void (*)(llama_batch*)> batch(new llama_batch(llama_batch_init(n, 0, 1)), [](llama_batch* b) {
    llama_batch_free(*b);
    delete b;
  });
  for (int32_t i = 0; i < n; ++i) {
    batch->token[i] = tokens[static_cast<size_t>(i)];
    batch->pos[i] = i;
    batch->n_seq_id[i] = 1;
    batch->seq_id[i][0] = 0;
    batch->logits[i] = 1;
  }
  batch->n_tokens = n;
  if (llama_decode(context.get(), *batch) != 0) throw std::runtime_error("stock: decode failed");
  const auto n_vocab = static_cast<size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model.get())));
  std::vector<float> all;
  for (int32_t i = 0; i < n; ++i) {
    const float* row = llama_get_logits_ith(context.get(), i);
    all.insert(all.end(), row, row + n_vocab);
  }
  return all;
}

}  // namespace aicoder::test
