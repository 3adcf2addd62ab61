// Continuous batching: many samples of many requests through the sequences of one context. Private to src/model.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/context_impl.h"
#include "model/sampler.h"
#include "model/text_stream.h"

namespace aicoder {

/// One call of Context::generate. A slot is one sequence of the context.
///
/// Each round gives free slots the next samples, builds one batch of (a) the next token of every generating slot and (b) pieces
/// of prompts that are being read, decodes it, and samples. The first sample of a request reads the prompt; the others wait in
/// their slots and get its KV by copy. In deterministic mode a batch holds one slot only and prompts are read in fixed chunks.
class Scheduler {
 public:
  using DoneFn = std::function<void(size_t request, const GenerateResult&)>;
  Scheduler(Context::Impl& context, std::span<const GenerateRequest> requests, const std::stop_token& stop, const DoneFn& on_done);

  std::vector<GenerateResult> run();

 private:
  enum class Phase { kFree, kWaiting, kReading, kGenerating };
  struct Slot {
    Phase phase = Phase::kFree;
    size_t request = 0, sample = 0;
    Token next = 0;    ///< to be decoded, when generating
    size_t n_new = 0;  ///< tokens in the coming batch
    int32_t row = -1;  ///< of the batch, whose logits this slot samples from
    std::optional<TokenSampler> sampler;
    std::optional<TextStream> text;
  };
  struct Job {
    LlamaSamplerHandle grammar;
    size_t n_started = 0, n_finished = 0;
    bool counted = false;             ///< reused_tokens is set
    std::vector<float> first_logits;  ///< after the prompt; kept while more samples will need it
  };

  void check(size_t index) const;
  void start_samples();
  size_t choose_slot(std::span<const Token> prompt) const;
  void start(size_t slot, size_t request, size_t sample);
  void share_prompt(size_t from);
  bool reuse_whole_prompt(size_t slot);
  void reuse_prefix(size_t slot);
  size_t reusable(const SequenceCache& cache, std::span<const Token> prompt) const;
  void copy_cache(size_t from, size_t to, size_t keep);

  bool step();
  void plan_batch(size_t only_slot);
  bool decode_planned();
  void advance(size_t slot, std::span<const float> logits);
  void record_logprobs(GenerateSample& sample, Token token, std::span<const float> logits, int n_best) const;
  void show(size_t slot, const std::string& text);
  void finish(size_t slot, FinishReason reason);
  void cancel_all();
  size_t n_busy() const;

  Context::Impl& context_;
  std::span<const GenerateRequest> requests_;
  std::stop_token stop_;
  const DoneFn& on_done_;
  std::vector<Slot> slots_;
  std::vector<Job> jobs_;
  std::vector<GenerateResult> results_;
  TokenBatch batch_;
  size_t next_request_ = 0;
  size_t turn_ = 0;  ///< deterministic mode: the slot whose turn it is
  size_t chunk_;     ///< tokens of a prompt per decode
};

}  // namespace aicoder
