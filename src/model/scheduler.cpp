#include "model/scheduler.h"

#include <algorithm>
#include <chrono>

#include "model/log_softmax.h"

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Copying a sequence's cache costs about as much as reading so many tokens again.
constexpr size_t kCopyGain = 32;

size_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  const size_t n = std::min(a.size(), b.size());
  return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(n), b.begin()).first - a.begin());
}

}  // namespace

Scheduler::Scheduler(Context::Impl& context, std::span<const GenerateRequest> requests, const std::stop_token& stop, const DoneFn& on_done)
    : context_(context),
      requests_(requests),
      stop_(stop),
      on_done_(on_done),
      slots_(context.caches.size()),
      jobs_(requests.size()),
      results_(requests.size()),
      batch_(context.n_batch),
      chunk_(context.options.deterministic ? std::min<size_t>(context.options.n_batch, 512) : context.n_batch) {
  for (size_t i = 0; i < requests.size(); ++i) check(i);
  for (size_t i = 0; i < requests.size(); ++i) {
    jobs_[i].grammar = compile_grammar(*context.model, requests[i].grammar);
    results_[i].samples.resize(requests[i].n);
    for (auto& sample : results_[i].samples) sample.finish = FinishReason::kCancelled;  // until it is finished
    results_[i].prompt_tokens = requests[i].prompt.size();
  }
}

void Scheduler::check(size_t index) const {
  const auto& request = requests_[index];
  context_.check_tokens(request.prompt, "[generate] prompt:");
  if (request.prompt.size() + 1 > context_.options.n_ctx_seq) throw ContextOverflow(request.prompt.size() + 1, context_.options.n_ctx_seq);
  if (request.n < 1) throw Error(ErrorCode::kInvalidArgument, "[generate] n is 0, expected at least 1 sample");
  if (request.n_logprobs < -1) throw Error(ErrorCode::kInvalidArgument, "[generate] n_logprobs is below -1");
  check_sampling(request.sampling);
}

std::vector<GenerateResult> Scheduler::run() {
  while (true) {
    if (stop_.stop_requested()) break;
    start_samples();
    if (n_busy() == 0) return std::move(results_);
    if (!step()) break;
  }
  cancel_all();
  return std::move(results_);
}

size_t Scheduler::n_busy() const {
  return static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.phase != Phase::kFree; }));
}

// ---- giving samples to slots -----------------------------------------------------------------------------------------

void Scheduler::start_samples() {
  // A sample that ends at once (max_tokens 0) frees its slot again, hence no loop over slots.
  while (next_request_ < requests_.size() && n_busy() < slots_.size()) {
    const size_t request = next_request_;
    const size_t sample = jobs_[request].n_started++;
    if (jobs_[request].n_started == requests_[request].n) ++next_request_;
    start(choose_slot(requests_[request].prompt), request, sample);
  }
}

size_t Scheduler::reusable(const SequenceCache& cache, std::span<const Token> prompt) const {
  // The last token is always decoded again: its logits are needed.
  size_t n = std::min(common_prefix(cache.tokens, prompt), prompt.size() - 1);
  // Tokens that were generated, or read in other chunks, went through other kernels: not the same bits.
  if (context_.options.deterministic) n = std::min(n, cache.n_chunked) / chunk_ * chunk_;
  return n;
}

size_t Scheduler::choose_slot(std::span<const Token> prompt) const {
  size_t best = slots_.size(), best_reuse = 0;
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].phase != Phase::kFree) continue;
    const size_t reuse = reusable(context_.caches[s], prompt);
    const bool better = best == slots_.size() || reuse > best_reuse ||
                        (reuse == best_reuse && context_.caches[s].last_used < context_.caches[best].last_used);
    if (better) best = s, best_reuse = reuse;
  }
  return best;
}

void Scheduler::start(size_t s, size_t request, size_t sample) {
  Slot& slot = slots_[s];
  const auto& r = requests_[request];
  slot = {};
  slot.request = request;
  slot.sample = sample;
  slot.sampler.emplace(r.sampling, r.sampling.seed + static_cast<uint32_t>(sample), jobs_[request].grammar.get());
  slot.text.emplace(r.stop_strings);
  context_.caches[s].last_used = ++context_.use_counter;

  if (!jobs_[request].first_logits.empty() && reuse_whole_prompt(s)) {
    slot.phase = Phase::kGenerating;
    advance(s, jobs_[request].first_logits);
    return;
  }
  const bool being_read = std::any_of(slots_.begin(), slots_.end(),
                                      [&](const Slot& other) { return other.phase == Phase::kReading && other.request == request; });
  if (being_read) {
    slot.phase = Phase::kWaiting;
    return;
  }
  slot.phase = Phase::kReading;
  reuse_prefix(s);
  if (!jobs_[request].counted) {
    jobs_[request].counted = true;
    results_[request].reused_tokens = context_.caches[s].tokens.size();
  }
}

void Scheduler::copy_cache(size_t from, size_t to, size_t keep) {
  // Whole sequences only: llama.cpp copies a stream's buffer as it is. What is too much is cut off after.
  context_.trim(to, 0);
  llama_memory_seq_cp(context_.memory(), static_cast<llama_seq_id>(from), static_cast<llama_seq_id>(to), -1, -1);
  const uint64_t last_used = context_.caches[to].last_used;
  context_.caches[to] = context_.caches[from];
  context_.caches[to].last_used = last_used;
  context_.trim(to, keep);
}

bool Scheduler::reuse_whole_prompt(size_t s) {
  const auto& prompt = requests_[slots_[s].request].prompt;
  const auto holds = [&](size_t i) { return common_prefix(context_.caches[i].tokens, prompt) == prompt.size(); };
  // In deterministic mode the whole prompt must have been read in chunks, not partly generated. This request's reader did so.
  const auto usable = [&](size_t i) {
    return holds(i) && (!context_.options.deterministic || context_.caches[i].n_chunked >= prompt.size());
  };
  if (usable(s)) {
    context_.trim(s, prompt.size());
    if (context_.caches[s].tokens.size() == prompt.size()) return true;
  }
  for (size_t other = 0; other < slots_.size(); ++other) {
    if (other == s || !usable(other)) continue;
    copy_cache(other, s, prompt.size());
    if (context_.caches[s].tokens.size() == prompt.size()) return true;
  }
  return false;
}

void Scheduler::reuse_prefix(size_t s) {
  const auto& prompt = requests_[slots_[s].request].prompt;
  const size_t own = reusable(context_.caches[s], prompt);
  size_t source = s, best = own + kCopyGain;
  for (size_t other = 0; other < slots_.size(); ++other) {
    const size_t reuse = reusable(context_.caches[other], prompt);
    if (other != s && reuse > best) source = other, best = reuse;
  }
  if (source != s) {
    copy_cache(source, s, best);
  } else {
    context_.trim(s, own);
  }
}

void Scheduler::share_prompt(size_t from) {
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].phase != Phase::kWaiting || slots_[s].request != slots_[from].request) continue;
    copy_cache(from, s, requests_[slots_[from].request].prompt.size());
    slots_[s].phase = Phase::kGenerating;
  }
}

// ---- one round -------------------------------------------------------------------------------------------------------

bool Scheduler::step() {
  const auto start = Clock::now();
  size_t only = slots_.size();
  if (context_.options.deterministic) {
    do {
      turn_ = (turn_ + 1) % slots_.size();
    } while (slots_[turn_].phase != Phase::kReading && slots_[turn_].phase != Phase::kGenerating);
    only = turn_;
  }
  plan_batch(only);
  // 0: not in this batch, 1: generates, 2: reads its prompt. Slots change hands while samples end, so it is noted now.
  std::vector<int> work(requests_.size(), 0);
  for (const auto& slot : slots_) {
    if (slot.n_new > 0) work[slot.request] = std::max(work[slot.request], slot.phase == Phase::kReading ? 2 : 1);
  }
  if (!decode_planned()) return false;
  const auto count_time = [&] {
    const double seconds = seconds_since(start);
    for (size_t r = 0; r < work.size(); ++r) {
      if (work[r] == 2) results_[r].prefill_seconds += seconds;
      if (work[r] == 1) results_[r].decode_seconds += seconds;
    }
  };
  // Rows are read before any sample ends: finish() calls the user, who may take his time.
  std::vector<size_t> with_logits;
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].row >= 0) with_logits.push_back(s);
  }
  count_time();
  for (size_t s : with_logits) {
    const float* logits = llama_get_logits_ith(context_.handle.get(), slots_[s].row);
    if (logits == nullptr) throw Error(ErrorCode::kInternal, "[generate] no logits for row " + std::to_string(slots_[s].row));
    const std::span<const float> row(logits, context_.n_vocab);
    const bool was_reading = slots_[s].phase == Phase::kReading;
    slots_[s].phase = Phase::kGenerating;
    std::vector<size_t> sharing;
    if (was_reading && requests_[slots_[s].request].n > 1) {
      jobs_[slots_[s].request].first_logits.assign(row.begin(), row.end());
      for (size_t w = 0; w < slots_.size(); ++w) {
        if (slots_[w].phase == Phase::kWaiting && slots_[w].request == slots_[s].request) sharing.push_back(w);
      }
      share_prompt(s);
    }
    advance(s, row);
    for (size_t w : sharing) advance(w, row);
  }
  return true;
}

void Scheduler::plan_batch(size_t only) {
  size_t room = context_.n_batch;
  for (size_t s = 0; s < slots_.size(); ++s) {
    Slot& slot = slots_[s];
    slot.n_new = slot.phase == Phase::kGenerating && (only == slots_.size() || only == s) ? 1 : 0;
    room -= slot.n_new;
  }
  // The oldest request reads first.
  std::vector<size_t> readers;
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].phase == Phase::kReading && (only == slots_.size() || only == s)) readers.push_back(s);
  }
  std::sort(readers.begin(), readers.end(), [&](size_t a, size_t b) { return slots_[a].request < slots_[b].request; });
  for (size_t s : readers) {
    const size_t left = requests_[slots_[s].request].prompt.size() - context_.caches[s].tokens.size();
    slots_[s].n_new = std::min({left, room, chunk_});
    room -= slots_[s].n_new;
  }
  // Slots in ascending order: llama.cpp joins neighbouring sequences into one matrix product.
  batch_.clear();
  for (size_t s = 0; s < slots_.size(); ++s) {
    Slot& slot = slots_[s];
    auto& cache = context_.caches[s];
    slot.row = -1;
    if (slot.phase == Phase::kGenerating && slot.n_new == 1) {
      slot.row = batch_.add(slot.next, cache.tokens.size(), s, true);
      cache.tokens.push_back(slot.next);
    } else if (slot.phase == Phase::kReading) {
      const auto& prompt = requests_[slot.request].prompt;
      const bool chunked = cache.n_chunked == cache.tokens.size();
      for (size_t i = 0; i < slot.n_new; ++i) {
        const size_t position = cache.tokens.size();
        const bool last = position + 1 == prompt.size();
        const int32_t row = batch_.add(prompt[position], position, s, last);
        if (last) slot.row = row;
        cache.tokens.push_back(prompt[position]);
      }
      if (chunked && context_.options.deterministic) cache.n_chunked = cache.tokens.size();
    }
  }
}

bool Scheduler::decode_planned() {
  if (context_.decode(batch_.view(), stop_)) return true;
  context_.sync_caches();
  return false;
}

// ---- one token -------------------------------------------------------------------------------------------------------

void Scheduler::advance(size_t s, std::span<const float> logits) {
  Slot& slot = slots_[s];
  const auto& request = requests_[slot.request];
  auto& sample = results_[slot.request].samples[slot.sample];
  if (request.max_tokens == 0) return finish(s, FinishReason::kLength);

  const auto start = Clock::now();
  const Token token = slot.sampler->sample(logits);
  results_[slot.request].decode_seconds += seconds_since(start);
  if (token < 0 || context_.model->is_end(token)) return finish(s, FinishReason::kStop);
  if (request.n_logprobs >= 0) record_logprobs(sample, token, logits, request.n_logprobs);
  slot.sampler->accept(token);
  sample.tokens.push_back(token);
  const bool stopped = slot.text->append(context_.model->piece(token));
  if (stopped) return finish(s, FinishReason::kStopString);
  const std::string text = slot.text->take();
  if (!text.empty()) {
    sample.text += text;
    if (request.on_token && !request.on_token(slot.sample, text)) return finish(s, FinishReason::kCancelled);
  }
  const bool full = request.prompt.size() + sample.tokens.size() >= context_.options.n_ctx_seq;
  if (full || sample.tokens.size() >= request.max_tokens) return finish(s, FinishReason::kLength);
  slot.next = token;
}

void Scheduler::record_logprobs(GenerateSample& sample, Token token, std::span<const float> logits, int n_best) const {
  const LogSoftmax row(logits);
  const auto logprob = [&](size_t id) { return static_cast<float>(row.of(logits[id])); };
  TokenLogprob entry{token, logprob(static_cast<size_t>(token)), {}};
  if (n_best > 0) {
    for (size_t id : top_indices(logits, static_cast<size_t>(n_best))) entry.top.emplace_back(static_cast<Token>(id), logprob(id));
  }
  sample.logprobs.push_back(std::move(entry));
}

void Scheduler::finish(size_t s, FinishReason reason) {
  Slot& slot = slots_[s];
  const size_t r = slot.request;
  auto& sample = results_[r].samples[slot.sample];
  const std::string rest = slot.text->finish();
  sample.text += rest;
  sample.finish = reason;
  slot.phase = Phase::kFree;
  context_.caches[s].last_used = ++context_.use_counter;
  if (!rest.empty() && reason != FinishReason::kCancelled && requests_[r].on_token) requests_[r].on_token(slot.sample, rest);
  if (++jobs_[r].n_finished == requests_[r].n) {
    jobs_[r].first_logits = {};
    if (on_done_) on_done_(r, results_[r]);
  }
}

void Scheduler::cancel_all() {
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].phase != Phase::kFree) finish(s, FinishReason::kCancelled);
  }
}

}  // namespace aicoder
