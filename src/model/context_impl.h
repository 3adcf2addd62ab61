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
  /// Those before it were read with nothing attached, whatever the context has; meaningless in a context without attachments.
  size_t active_from = 0;
  /// Deterministic mode: where the decodes ended that read a prompt, ascending from the first one. Tokens up to such an end have the
  /// bits that reading them again in the same chunks would give; tokens that were generated, or read otherwise, have not.
  std::vector<size_t> chunk_ends;
  uint64_t last_used = 0;
  void cut(size_t keep);
};

/// \throws Error(kInvalidArgument): none, or one that the vocabulary has not.
void check_tokens(std::span<const Token> tokens, size_t n_vocab, const char* place);

struct ComputeThreads::Impl {
  explicit Impl(int n_threads_in);
  int n_threads = 0;
  /// Memory for a copy on its way, without the page faults of a new one each time. A larger size than before loses what it holds; a large
  /// one is given back.
  uint8_t* scratch(size_t size);
  /// What scratch still holds of the last copy, for the next lane that wants the same prefix of the base: the identity of its KV.
  struct HeldState {
    std::weak_ptr<const Model> model;
    size_t n_seq_max = 0;
    std::vector<Token> tokens;
    std::vector<size_t> chunk_ends;
    size_t size = 0;  ///< bytes; 0: nothing
  };
  HeldState held;
  void release_large_scratch();

  GgmlThreadpoolHandle pool;
  std::optional<ThreadGovernor> governor;

 private:
  std::unique_ptr<uint8_t[]> scratch_;
  size_t scratch_size_ = 0;
};

struct Context::Impl {
  Impl(std::shared_ptr<const Model> model_in, const ContextOptions& options_in);

  llama_memory_t memory() const { return llama_get_memory(handle.get()); }

  /// A decode of what `batch` holds. `stop` is looked at between graph nodes, and `all_of`: it stops when each of them asks for it.
  /// \return false when it was stopped; then sync_caches() must follow.
  /// \throws Error(kResourceExhausted, kInternal), and what an activation observer threw.
  bool decode(const llama_batch& batch, const std::stop_token& stop, std::span<const std::stop_token> all_of = {});
  /// Shortens each cache record to what llama.cpp still holds.
  void sync_caches();
  /// Keeps the first `keep` tokens of a sequence. Memories that cannot forget a tail (recurrent ones) forget all.
  void trim(size_t sequence, size_t keep);
  void clear();
  void check_tokens(std::span<const Token> tokens, const char* place) const { aicoder::check_tokens(tokens, n_vocab, place); }
  bool stop_requested() const;  ///< of the decode that runs
  /// Copies the first `keep` tokens of a sequence, of this or another context with the same options, and what is known of them.
  /// \return false: not possible (a sliding window has lost the tokens before `keep`; llama.cpp refused); `to` is then empty.
  bool copy_sequence(const Impl& source, size_t from, size_t to, size_t keep);

  /// Decodes `tokens` in sequence 0 from an empty cache and hands over the logits [n_vocab] after each token from
  /// `first_output` on. Used where every position counts: log_likelihood, logits.
  void for_each_logits(std::span<const Token> tokens, size_t first_output, const std::stop_token& stop,
                       const std::function<void(size_t index, const float* logits)>& fn);
  /// The same with the row of each output, for its logits or its embedding; `between` is called between decodes.
  void for_each_row(std::span<const Token> tokens, size_t first_output, const std::stop_token& stop,
                    const std::function<void(size_t index, int32_t row)>& fn, const std::function<void()>& between = {});

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
  std::span<const std::stop_token> decode_stops;
  std::shared_ptr<ComputeThreads> threads;
  ThreadGovernor* governor = nullptr;  ///< of threads; none in deterministic mode: some kernels split a row's sum by threads
  int n_threads_set = 0;               ///< what llama.cpp was told last
  LlamaContextHandle handle;           // after threads: freed first
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
