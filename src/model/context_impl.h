// What a Context holds. Private to src/model.
#pragma once

#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aicoder/model.h"
#include "model/llama_handles.h"
#include "model/thread_governor.h"

namespace aicoder {

/// What the KV cache of one sequence holds.
struct SequenceCache {
  std::vector<Token> tokens;
  /// The first so many were read in the fixed chunks of deterministic mode, so reading them again gives the same bits.
  size_t n_chunked = 0;
  uint64_t last_used = 0;
};

struct Context::Impl {
  Impl(std::shared_ptr<const Model> model_in, const ContextOptions& options_in);

  llama_memory_t memory() const { return llama_get_memory(handle.get()); }

  /// A decode of what `batch` holds. `stop` is looked at between graph nodes.
  /// \return false when it was stopped; then sync_caches() must follow.
  /// \throws Error(kResourceExhausted, kInternal), and what an activation observer threw.
  bool decode(const llama_batch& batch, const std::stop_token& stop);
  /// Shortens each cache record to what llama.cpp still holds.
  void sync_caches();
  /// Keeps the first `keep` tokens of a sequence. Memories that cannot forget a tail (recurrent ones) forget all.
  void trim(size_t sequence, size_t keep);
  void clear();
  void check_tokens(std::span<const Token> tokens, const char* place) const;

  /// Decodes `tokens` in sequence 0 from an empty cache and hands over the logits [n_vocab] after each token from
  /// `first_output` on. Used where every position counts: log_likelihood, logits.
  void for_each_logits(std::span<const Token> tokens, size_t first_output, const std::stop_token& stop,
                       const std::function<void(size_t index, const float* logits)>& fn);

  bool on_eval(ggml_tensor* node, bool ask);
  /// Its values as F32 rows of ne[0], in place where it can be; valid until the next call.
  std::span<const float> rows_of(const ggml_tensor* tensor);
  /// Adds up what the attached set has; none: takes the control vectors of the last set away.
  void set_control_vectors(std::span<const Attached> adapters);

  std::shared_ptr<const Model> model;  // first: the context must be freed before it
  ContextOptions options;
  std::vector<Attached> attached;  // likewise
  size_t n_vocab = 0;
  size_t n_batch = 0;  ///< tokens per decode
  size_t memory_bytes = 0;
  ActivationFn observer;
  ResidualFn residual_observer;
  bool stop_at_output = false;  ///< decodes end before the output layer
  std::vector<float> observed_rows;
  std::exception_ptr observer_error;
  std::stop_token decode_stop;
  std::optional<ThreadGovernor> governor;  ///< absent in deterministic mode: some kernels split a row's sum by threads
  GgmlThreadpoolHandle threadpool;
  LlamaContextHandle handle;  // after threadpool: freed first
  std::vector<SequenceCache> caches;
  uint64_t use_counter = 0;
};

/// Reused storage for a llama_batch with one sequence per token.
class TokenBatch {
 public:
  explicit TokenBatch(size_t capacity);
  void clear() noexcept { size_ = 0; }
  size_t size() const noexcept { return size_; }
  /// \return the row to ask logits of, when `output`
  int32_t add(Token token, size_t position, size_t sequence, bool output);
  void mark_output(int32_t row) { output_[static_cast<size_t>(row)] = 1; }
  llama_batch view();

 private:
  size_t size_ = 0;
  std::vector<llama_token> tokens_;
  std::vector<llama_pos> positions_;
  std::vector<int32_t> n_sequences_;
  std::vector<llama_seq_id> sequences_;
  std::vector<llama_seq_id*> sequence_pointers_;
  std::vector<int8_t> output_;
};

}  // namespace aicoder
