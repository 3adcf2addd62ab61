// The small real model of the model tests, loaded once per test program.
#pragma once

#include <memory>

#include "aicoder/model.h"
#include "support/test_model.h"

namespace aicoder::test {

inline const std::shared_ptr<const Model>& smollm() {
  static const std::shared_ptr<const Model> model = Model::load(require_model("smollm2-135m"));
  return model;
}

/// One thread: results do not depend on the machine's cores, and tests that run in parallel do not spin against each other.
inline ContextOptions small_context(size_t n_seq_max = 1, bool deterministic = false) {
  return {.n_ctx_seq = 512, .n_seq_max = n_seq_max, .n_batch = 512, .n_threads = 1, .deterministic = deterministic};
}

inline std::vector<Token> chat_tokens(const std::string& user) {
  return smollm()->tokenize("<|im_start|>user\n" + user + "<|im_end|>\n<|im_start|>assistant\n", {.parse_special = true});
}

}  // namespace aicoder::test
