// Greedy decoding straight on llama.cpp's C API, with none of our scheduling: the oracle of what reuse must not change.
#pragma once

#include <llama.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "aicoder/adapter.h"
#include "support/plain_context.h"

namespace aicoder::test {

/// New contexts for every call: what is before `active_from` is read by one without adapters and its state copied to one with them.
class PlainLlama {
 public:
  PlainLlama(std::shared_ptr<const Model> model, size_t n_ctx, size_t chunk) : model_(std::move(model)), n_ctx_(n_ctx), chunk_(chunk) {}

  std::vector<Token> greedy(const std::vector<Token>& prompt, const std::vector<ActiveAdapter>& set, size_t active_from, size_t n) const {
    const auto reader = make(set);
    size_t first = 0;
    if (!set.empty() && active_from > 0) {
      const auto base = make({});
      read(base.get(), prompt, 0, active_from);
      std::vector<uint8_t> state(llama_state_seq_get_size(base.get(), 0));
      llama_state_seq_get_data(base.get(), state.data(), state.size(), 0);
      if (llama_state_seq_set_data(reader.get(), state.data(), state.size(), 0) == 0) throw std::runtime_error("oracle: copy failed");
      first = active_from;
    }
    read(reader.get(), prompt, first, prompt.size());
    const llama_vocab* vocab = llama_model_get_vocab(llama_get_model(reader.get()));
    std::vector<Token> made;
    while (made.size() < n) {
      const float* logits = llama_get_logits_ith(reader.get(), -1);
      auto next = static_cast<Token>(std::max_element(logits, logits + llama_vocab_n_tokens(vocab)) - logits);
      if (llama_vocab_is_eog(vocab, next)) break;
      made.push_back(next);
      if (made.size() < n && llama_decode(reader.get(), llama_batch_get_one(&next, 1)) != 0) throw std::runtime_error("oracle: decode");
    }
    return made;
  }

 private:
  using Handle = std::unique_ptr<llama_context, decltype(&llama_free)>;
  Handle make(const std::vector<ActiveAdapter>& set) const {
    llama_context_params params = test::plain_context_params(static_cast<uint32_t>(n_ctx_));
    params.n_batch = params.n_ubatch = static_cast<uint32_t>(chunk_);
    Handle context(llama_init_from_model(static_cast<llama_model*>(model_->native_handle()), params), llama_free);
    std::vector<llama_adapter_lora*> handles;
    std::vector<float> strengths;
    for (const auto& active : set) {
      handles.push_back(static_cast<llama_adapter_lora*>(active.adapter->native_handle()));
      strengths.push_back(active.strength);
    }
    llama_set_adapters_lora(context.get(), handles.data(), handles.size(), strengths.data());
    return context;
  }
  void read(llama_context* context, const std::vector<Token>& prompt, size_t first, size_t end) const {
    for (size_t at = first; at < end; at += chunk_) {
      std::vector<Token> piece(prompt.begin() + static_cast<ptrdiff_t>(at),
                               prompt.begin() + static_cast<ptrdiff_t>(std::min(end, at + chunk_)));
      if (llama_decode(context, llama_batch_get_one(piece.data(), static_cast<int32_t>(piece.size()))) != 0) {
        throw std::runtime_error("oracle: decode failed");
      }
    }
  }

  std::shared_ptr<const Model> model_;
  size_t n_ctx_, chunk_;
};

}  // namespace aicoder::test
