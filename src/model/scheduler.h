// Continuous batching: many samples of many requests through the sequences of one context. Private to src/model.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/context_impl.h"
#include "model/sampler.h"
#include "model/text_stream.h"

namespace aicoder {

/// What LiveBatch and Context::generate are made of. A slot is one sequence of the context.
///
/// Each round gives free slots the next samples, builds one batch of (a) the next token of every generating slot and (b) pieces
/// of prompts that are being read, decodes it, and samples. The first sample of a request reads the prompt; the others wait in
/// their slots and get its KV by copy. In deterministic mode a batch holds one slot only and prompts are read in fixed chunks.
class Scheduler {
 public:
  /// `started`: every sample got a slot; false for a request that was cancelled before.
  using DoneFn = std::function<void(GenerateResult&&, bool started)>;
  Scheduler(Context::Impl& context, size_t chunk);

  LiveBatch::Id submit(GenerateRequest request, DoneFn on_done, const std::stop_token& stop, bool urgent);
  bool step(size_t prompt_tokens, const std::stop_token& stop);
  void cancel(LiveBatch::Id id);
  void cancel_all();

  size_t n_requests() const noexcept;
  bool reads_prompt() const noexcept;
  bool has_urgent() const noexcept;
  size_t n_free(bool urgent) const noexcept;

  void set_peers(std::vector<Scheduler*> peers) { peers_ = std::move(peers); }
  std::vector<LiveBatch::MissingPrefix> missing_prefixes() const;
  void take_prefixes();

 private:
  struct Job {
    LiveBatch::Id id = 0;
    GenerateRequest request;
    GenerateResult result;
    DoneFn on_done;
    std::stop_token stop;
    bool urgent = true;
    LlamaSamplerHandle grammar;
    size_t n_started = 0, n_finished = 0;
    bool counted = false;             ///< reused_tokens is set
    std::vector<float> first_logits;  ///< after the prompt; kept while more samples will need it
  };
  enum class Phase { kFree, kMissingPrefix, kWaiting, kReading, kGenerating };
  struct Slot {
    Phase phase = Phase::kFree;
    Job* job = nullptr;
    size_t sample = 0;
    Token next = 0;            ///< to be decoded, when generating
    size_t n_new = 0;          ///< tokens in the coming batch
    int32_t row = -1;          ///< of the batch, whose logits this slot samples from
    std::vector<Token> draft;  ///< in the coming batch behind `next`, each with a row of its own
    size_t draft_limit = 0;    ///< of the next draft
    std::optional<TokenSampler> sampler;
    std::optional<TextStream> text;
  };
  /// Where a prefix lies.
  struct Source {
    Scheduler* batch = nullptr;
    size_t slot = 0;
    size_t n_tokens = 0;
  };

  void start_samples();
  size_t choose_slot(const GenerateRequest& request) const;
  void start(size_t slot, Job& job);
  void begin_reading(size_t slot);
  std::vector<size_t> share_prompt(size_t from);  ///< \return those that have it now
  bool reuse_whole_prompt(size_t slot);
  void reuse_prefix(size_t slot);
  size_t matching(const Scheduler& owner, const SequenceCache& cache, const GenerateRequest& request, size_t most) const;
  size_t reusable(const Scheduler& owner, size_t slot, const GenerateRequest& request) const;
  Source longest_prefix(const GenerateRequest& request, size_t slot) const;
  void copy_cache(const Source& source, size_t to);
  bool is_base() const noexcept { return context_.attached.empty(); }
  bool has_same_attachments(const Scheduler& other) const;

  bool decode_round(size_t prompt_tokens, const std::stop_token& stop);
  void plan_batch(size_t only_slot, size_t prompt_tokens);
  void plan_prompt_piece(size_t slot);
  void plan_drafts(size_t room);
  void advance_draft(size_t slot);
  std::span<const float> logits_of(int32_t row) const;
  void advance(size_t slot, std::span<const float> logits);
  void record_logprobs(GenerateSample& sample, Token token, std::span<const float> logits, int n_best) const;
  void finish(size_t slot, FinishReason reason);
  void cancel(Job& job);
  void end_if_done(Job& job);
  void forget_done_jobs();

  Context::Impl& context_;
  std::vector<Scheduler*> peers_;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Job>> jobs_;  ///< urgent ones first, then in the order they came
  TokenBatch batch_;
  LiveBatch::Id last_id_ = 0;
  size_t turn_ = 0;  ///< deterministic mode: the slot whose turn it is
  size_t chunk_;     ///< deterministic mode: tokens of a prompt per decode
  bool can_draft_;   ///< a tail of what was decoded can be forgotten, and other batches may give other bits
};

struct LiveBatch::Impl {
  Scheduler scheduler;
};

}  // namespace aicoder
