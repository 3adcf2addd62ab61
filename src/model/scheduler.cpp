#include "model/scheduler.h"

#include <algorithm>
#include <chrono>

#include "model/log_softmax.h"
#include "model/prompt_lookup.h"

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A copy reads the whole source sequence, about as long as reading one token takes for some hundred of its tokens. A prefix that
/// is not longer by this is read: the batch takes a few more tokens for next to nothing.
constexpr size_t kCopyGain = 4;
constexpr size_t kCopiedPerGain = 256;

size_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  const size_t n = std::min(a.size(), b.size());
  return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(n), b.begin()).first - a.begin());
}

/// All but the grammar.
void check_values(const Model& model, size_t n_ctx_seq, const GenerateRequest& request) {
  check_tokens(request.prompt, model.n_vocab(), "[generate] prompt:");
  if (request.prompt.size() + 1 > n_ctx_seq) throw ContextOverflow(request.prompt.size() + 1, n_ctx_seq);
  if (request.n < 1) throw Error(ErrorCode::kInvalidArgument, "[generate] n is 0, expected at least 1 sample");
  if (request.n_logprobs < -1) throw Error(ErrorCode::kInvalidArgument, "[generate] n_logprobs is below -1");
  if (request.active_from >= request.prompt.size()) {
    throw Error(ErrorCode::kInvalidArgument, "[generate] active_from is " + std::to_string(request.active_from) + ", expected less than " +
                                                 std::to_string(request.prompt.size()) + ", the tokens of the prompt");
  }
  if (request.lookup_tokens.value_or(0) > kMostLookup) {
    throw Error(ErrorCode::kInvalidArgument, "[generate] lookup_tokens is " + std::to_string(*request.lookup_tokens) +
                                                 ", expected 0 (off) to " + std::to_string(kMostLookup));
  }
  check_sampling(request.sampling);
}

/// Recurrent states hold all that was read and cannot go back to before a token.
bool can_forget_tail(const Model& model) {
  const auto* native = static_cast<const llama_model*>(model.native_handle());
  return !llama_model_is_recurrent(native) && !llama_model_is_hybrid(native);
}

}  // namespace

void check_request(const Model& model, size_t n_ctx_seq, const GenerateRequest& request) {
  check_values(model, n_ctx_seq, request);
  compile_grammar(model, request.grammar);
}

Scheduler::Scheduler(Context::Impl& context, size_t chunk)
    : context_(context),
      slots_(context.caches.size()),
      batch_(context.n_batch),
      chunk_(std::min(chunk == 0 ? size_t{512} : chunk, context.n_batch)),
      can_draft_(!context.options.deterministic && can_forget_tail(*context.model)) {}

LiveBatch::Id Scheduler::submit(GenerateRequest request, DoneFn on_done, const std::stop_token& stop, bool urgent) {
  check_values(*context_.model, context_.options.n_ctx_seq, request);
  auto job = std::make_unique<Job>();
  job->id = ++last_id_;
  job->grammar = compile_grammar(*context_.model, request.grammar);
  job->result.samples.resize(request.n);
  for (auto& sample : job->result.samples) sample.finish = FinishReason::kCancelled;  // until it is finished
  job->result.prompt_tokens = request.prompt.size();
  job->request = std::move(request);
  job->on_done = std::move(on_done);
  job->stop = stop;
  job->urgent = urgent;
  const auto behind = [&](const auto& other) { return urgent && !other->urgent; };
  jobs_.insert(std::find_if(jobs_.begin(), jobs_.end(), behind), std::move(job));
  return last_id_;
}

bool Scheduler::step(size_t prompt_tokens, const std::stop_token& stop) {
  try {
    for (const auto& job : jobs_) {
      if (stop.stop_requested() || job->stop.stop_requested()) cancel(*job);
    }
    forget_done_jobs();
    start_samples();
    const bool decoded = decode_round(prompt_tokens, stop);
    forget_done_jobs();
    return decoded;
  } catch (...) {
    for (auto& slot : slots_) slot = {};
    jobs_.clear();
    throw;
  }
}

size_t Scheduler::n_requests() const noexcept { return jobs_.size(); }

bool Scheduler::reads_prompt() const noexcept {
  const bool starts = std::any_of(jobs_.begin(), jobs_.end(), [](const auto& job) { return job->n_started == 0; });
  return starts || std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.phase == Phase::kReading; });
}

bool Scheduler::has_urgent() const noexcept {
  return std::any_of(jobs_.begin(), jobs_.end(), [](const auto& job) { return job->urgent; });
}

size_t Scheduler::n_free(bool urgent) const noexcept {
  auto n = static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.phase == Phase::kFree; }));
  for (const auto& job : jobs_) {
    if (job->urgent || !urgent) n -= std::min(n, job->request.n - job->n_started);
  }
  return n;
}

// ---- giving samples to slots -----------------------------------------------------------------------------------------

void Scheduler::start_samples() {
  for (const auto& job : jobs_) {
    // A sample that ends at once (max_tokens 0) frees its slot again, hence no loop over slots.
    while (job->n_started < job->request.n) {
      const size_t slot = choose_slot(job->request);
      if (slot == slots_.size()) return;
      start(slot, *job);
    }
  }
}

bool Scheduler::has_same_attachments(const Scheduler& other) const {
  const auto same = [](const auto& a, const auto& b) { return a.owner == b.owner && a.strength == b.strength; };
  return std::equal(context_.attached.begin(), context_.attached.end(), other.context_.attached.begin(), other.context_.attached.end(),
                    same);
}

/// Tokens at the beginning of a prompt whose KV `cache`, of `owner`, holds as this context would make it. At most `most`.
size_t Scheduler::matching(const Scheduler& owner, const SequenceCache& cache, const GenerateRequest& request, size_t most) const {
  constexpr size_t kNever = std::numeric_limits<size_t>::max();
  const size_t active_here = is_base() ? kNever : request.active_from;
  const size_t active_there = owner.is_base() ? kNever : cache.active_from;
  size_t n = std::min(common_prefix(cache.tokens, request.prompt), most);
  // Beyond the first active position of either, KV is of use only to the same set that was active from the same position.
  if (active_here != active_there || !has_same_attachments(owner)) n = std::min({n, active_here, active_there});
  if (!context_.options.deterministic) return n;
  // Only whole chunks that were cut as they would be cut here: at active_from, and every chunk_ tokens from there and from 0.
  size_t reached = 0;
  for (const size_t end : cache.chunk_ends) {
    const size_t cut = reached < active_here ? std::min(active_here, reached + chunk_) : reached + chunk_;
    if (end != std::min(cut, request.prompt.size()) || end > n) break;
    reached = end;
  }
  return reached;
}

/// The last token is always decoded again: its logits are needed.
size_t Scheduler::reusable(const Scheduler& owner, size_t slot, const GenerateRequest& request) const {
  return matching(owner, owner.context_.caches[slot], request, request.prompt.size() - 1);
}

size_t Scheduler::choose_slot(const GenerateRequest& request) const {
  size_t best = slots_.size(), best_reuse = 0;
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].phase != Phase::kFree) continue;
    const size_t reuse = reusable(*this, s, request);
    const bool better = best == slots_.size() || reuse > best_reuse ||
                        (reuse == best_reuse && context_.caches[s].last_used < context_.caches[best].last_used);
    if (better) best = s, best_reuse = reuse;
  }
  return best;
}

void Scheduler::start(size_t s, Job& job) {
  Slot& slot = slots_[s];
  slot = {};
  slot.job = &job;
  slot.sample = job.n_started++;
  slot.sampler.emplace(job.request.sampling, job.request.sampling.seed + static_cast<uint32_t>(slot.sample), job.grammar.get());
  slot.text.emplace(job.request.stop_strings);
  slot.draft_limit = job.request.lookup_tokens.value_or(context_.options.lookup_tokens);
  context_.caches[s].last_used = ++context_.use_counter;

  if (!job.first_logits.empty() && reuse_whole_prompt(s)) {
    slot.phase = Phase::kGenerating;
    advance(s, job.first_logits);
    return;
  }
  const bool being_read = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& other) {
    return other.job == &job && (other.phase == Phase::kReading || other.phase == Phase::kMissingPrefix);
  });
  if (being_read) {
    slot.phase = Phase::kWaiting;
    return;
  }
  begin_reading(s);
}

void Scheduler::begin_reading(size_t s) {
  Slot& slot = slots_[s];
  Job& job = *slot.job;
  reuse_prefix(s);
  auto& cache = context_.caches[s];
  cache.active_from = job.request.active_from;
  const bool missing = !is_base() && cache.tokens.size() < job.request.active_from;
  slot.phase = missing ? Phase::kMissingPrefix : Phase::kReading;
  if (missing || job.counted) return;
  job.counted = true;
  job.result.reused_tokens = cache.tokens.size();
}

std::vector<LiveBatch::MissingPrefix> Scheduler::missing_prefixes() const {
  std::vector<LiveBatch::MissingPrefix> all;
  for (const auto& slot : slots_) {
    if (slot.phase != Phase::kMissingPrefix) continue;
    const auto& request = slot.job->request;
    all.push_back({slot.job->id, {request.prompt.begin(), request.prompt.begin() + static_cast<ptrdiff_t>(request.active_from)}});
  }
  return all;
}

void Scheduler::take_prefixes() {
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].phase == Phase::kMissingPrefix) begin_reading(s);
  }
}

void Scheduler::copy_cache(const Source& source, size_t to) {
  Job& job = *slots_[to].job;
  const auto start = Clock::now();
  const bool copied = context_.copy_sequence(source.batch->context_, source.slot, to, source.n_tokens);
  job.result.copy_ms += 1000 * seconds_since(start);
  if (copied && !job.counted) job.result.copied_tokens = source.n_tokens;
}

bool Scheduler::reuse_whole_prompt(size_t s) {
  const auto& request = slots_[s].job->request;
  const size_t size = request.prompt.size();
  // In deterministic mode the whole prompt must have been read in chunks, not partly generated. This request's reader did so.
  const auto usable = [&](size_t i) { return matching(*this, context_.caches[i], request, size) == size; };
  if (usable(s)) {
    context_.trim(s, size);
    if (context_.caches[s].tokens.size() == size) return true;
  }
  for (size_t other = 0; other < slots_.size(); ++other) {
    if (other == s || !usable(other)) continue;
    copy_cache({this, other, size}, s);
    if (context_.caches[s].tokens.size() == size) return true;
  }
  return false;
}

Scheduler::Source Scheduler::longest_prefix(const GenerateRequest& request, size_t s) const {
  Source best{nullptr, s, reusable(*this, s, request)};
  const auto look_at = [&](Scheduler* owner) {
    for (size_t other = 0; other < owner->slots_.size(); ++other) {
      if (owner == this && other == s) continue;
      const size_t n = reusable(*owner, other, request);
      // The base's part can be had in no other way, and of less than that nothing is won.
      if (!is_base() && n < request.active_from) continue;
      const bool needed = !is_base() && best.n_tokens < request.active_from;
      const size_t gain = best.batch == nullptr ? kCopyGain + owner->context_.caches[other].tokens.size() / kCopiedPerGain : 0;
      // Of equally long prefixes that of the shorter sequence: llama.cpp gives out whole ones.
      const bool shorter = best.batch != nullptr && n == best.n_tokens &&
                           owner->context_.caches[other].tokens.size() < best.batch->context_.caches[best.slot].tokens.size();
      if (shorter || (needed ? n > best.n_tokens : n > best.n_tokens + gain)) best = {owner, other, n};
    }
  };
  look_at(const_cast<Scheduler*>(this));  // NOLINT(cppcoreguidelines-pro-type-const-cast): one of the sources, beside the peers
  for (Scheduler* peer : peers_) look_at(peer);
  return best;
}

void Scheduler::reuse_prefix(size_t s) {
  const auto& request = slots_[s].job->request;
  const Source source = longest_prefix(request, s);
  if (source.batch != nullptr) {
    copy_cache(source, s);
  } else {
    context_.trim(s, source.n_tokens);
  }
}

std::vector<size_t> Scheduler::share_prompt(size_t from) {
  std::vector<size_t> sharing;
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].phase != Phase::kWaiting || slots_[s].job != slots_[from].job) continue;
    const size_t size = slots_[s].job->request.prompt.size();
    copy_cache({this, from, size}, s);
    if (context_.caches[s].tokens.size() == size) {
      slots_[s].phase = Phase::kGenerating;
      sharing.push_back(s);
    } else {
      begin_reading(s);
    }
  }
  return sharing;
}

// ---- one round -------------------------------------------------------------------------------------------------------

bool Scheduler::decode_round(size_t prompt_tokens, const std::stop_token& stop) {
  const auto start = Clock::now();
  const auto computes = [](const Slot& slot) { return slot.phase == Phase::kReading || slot.phase == Phase::kGenerating; };
  if (std::none_of(slots_.begin(), slots_.end(), computes)) return false;
  size_t only = slots_.size();
  if (context_.options.deterministic) {
    do {
      turn_ = (turn_ + 1) % slots_.size();
    } while (!computes(slots_[turn_]));
    only = turn_;
  }
  plan_batch(only, prompt_tokens);
  // Slots change hands while samples end, so it is noted now who takes part and who reads.
  std::vector<std::pair<Job*, bool>> work;
  std::vector<std::stop_token> stops;
  for (const auto& slot : slots_) {
    if (slot.n_new == 0) continue;
    const bool reads = slot.phase == Phase::kReading;
    const auto known = std::find_if(work.begin(), work.end(), [&](const auto& w) { return w.first == slot.job; });
    if (known != work.end()) {
      known->second = known->second || reads;
    } else {
      work.emplace_back(slot.job, reads);
      stops.push_back(slot.job->stop);
    }
  }
  if (!context_.decode(batch_.view(), stop, stops)) {
    context_.sync_caches();
    for (const auto& job : jobs_) {
      if (stop.stop_requested() || job->stop.stop_requested()) cancel(*job);
    }
    return true;
  }
  const double seconds = seconds_since(start);
  for (const auto& [job, reads] : work) (reads ? job->result.prefill_seconds : job->result.decode_seconds) += seconds;
  // Rows are noted before any sample ends: finish() calls the user, who may take his time.
  std::vector<size_t> with_logits;
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].row >= 0) with_logits.push_back(s);
  }
  for (size_t s : with_logits) {
    const auto row = logits_of(slots_[s].row);
    if (!slots_[s].draft.empty()) {
      advance_draft(s);
      continue;
    }
    const bool has_read = slots_[s].phase == Phase::kReading;
    slots_[s].phase = Phase::kGenerating;
    std::vector<size_t> sharing;
    if (has_read && slots_[s].job->request.n > 1) {
      slots_[s].job->first_logits.assign(row.begin(), row.end());
      sharing = share_prompt(s);
    }
    advance(s, row);
    for (size_t w : sharing) advance(w, row);
  }
  return true;
}

void Scheduler::plan_batch(size_t only, size_t prompt_tokens) {
  size_t room = context_.n_batch;
  for (size_t s = 0; s < slots_.size(); ++s) {
    Slot& slot = slots_[s];
    slot.row = -1;
    slot.n_new = slot.phase == Phase::kGenerating && (only == slots_.size() || only == s) ? 1 : 0;
    room -= slot.n_new;
  }
  const bool deterministic = context_.options.deterministic;
  if (deterministic) {
    room = std::min(room, chunk_);
  } else if (prompt_tokens > 0) {
    room = std::min(room, prompt_tokens);
  }
  // The oldest request reads first, of those that are equally urgent.
  for (const auto& job : jobs_) {
    for (size_t s = 0; s < slots_.size(); ++s) {
      Slot& slot = slots_[s];
      if (slot.job != job.get() || slot.phase != Phase::kReading || (only != slots_.size() && only != s)) continue;
      slot.n_new = std::min(job->request.prompt.size() - context_.caches[s].tokens.size(), room);
      room -= slot.n_new;
    }
  }
  plan_drafts(room);
  // Slots in ascending order: llama.cpp joins neighbouring sequences into one matrix product.
  batch_.clear();
  for (size_t s = 0; s < slots_.size(); ++s) {
    Slot& slot = slots_[s];
    if (slot.n_new == 0) continue;
    if (slot.phase == Phase::kReading) {
      plan_prompt_piece(s);
    } else {
      auto& tokens = context_.caches[s].tokens;
      slot.row = batch_.add(slot.next, tokens.size(), s, true);
      tokens.push_back(slot.next);
      for (const Token token : slot.draft) {
        batch_.add(token, tokens.size(), s, true);
        tokens.push_back(token);
      }
    }
  }
}

/// Where one user is answered and nothing is read, a decode has room to spare: what may follow is decoded with what does.
void Scheduler::plan_drafts(size_t room) {
  for (auto& slot : slots_) slot.draft.clear();
  const auto works = [](const Slot& slot) { return slot.n_new > 0; };
  if (!can_draft_ || std::count_if(slots_.begin(), slots_.end(), works) != 1) return;
  const auto at = std::find_if(slots_.begin(), slots_.end(), works);
  Slot& slot = *at;
  if (slot.phase != Phase::kGenerating || slot.draft_limit == 0) return;
  auto& known = context_.caches[static_cast<size_t>(at - slots_.begin())].tokens;
  const size_t n_made = slot.job->result.samples[slot.sample].tokens.size();
  // `next` is counted in n_made already, and the last token of an answer is not decoded.
  const size_t answer_room = slot.job->request.max_tokens - n_made - 1;
  const size_t context_room = context_.options.n_ctx_seq - std::min(context_.options.n_ctx_seq, known.size() + 1);
  const size_t most = std::min({slot.draft_limit, kMostLookup, room, answer_room, context_room});
  known.push_back(slot.next);
  const auto draft = look_up(known, most);
  slot.draft.assign(draft.begin(), draft.end());
  known.pop_back();
}

/// Samples from each row as far as what was drafted for the next is what was sampled. So every token comes of the logits behind the tokens
/// before it, with the random numbers it would have without a draft.
void Scheduler::advance_draft(size_t s) {
  const auto draft = std::exchange(slots_[s].draft, {});
  Job* const job = slots_[s].job;
  const int32_t row = slots_[s].row;
  const size_t n_before = context_.caches[s].tokens.size() - draft.size();
  size_t accepted = 0;
  job->result.drafted_tokens += draft.size();
  // The job ends with its last sample, and with it where the counts are: they are there before each token.
  while (true) {
    const bool right_so_far = accepted == draft.size();
    advance(s, logits_of(row + static_cast<int32_t>(accepted)));
    if (right_so_far || slots_[s].phase != Phase::kGenerating || slots_[s].next != draft[accepted]) break;
    ++accepted;
    ++job->result.accepted_tokens;
  }
  context_.trim(s, n_before + accepted);
  if (slots_[s].phase != Phase::kGenerating) return;
  const size_t most = job->request.lookup_tokens.value_or(context_.options.lookup_tokens);
  slots_[s].draft_limit = next_draft_limit(slots_[s].draft_limit, draft.size(), accepted, most);
}

std::span<const float> Scheduler::logits_of(int32_t row) const {
  const float* logits = llama_get_logits_ith(context_.handle.get(), row);
  if (logits == nullptr) throw Error(ErrorCode::kInternal, "[generate] no logits for row " + std::to_string(row));
  return {logits, context_.n_vocab};
}

void Scheduler::plan_prompt_piece(size_t s) {
  Slot& slot = slots_[s];
  auto& cache = context_.caches[s];
  const auto& prompt = slot.job->request.prompt;
  for (size_t i = 0; i < slot.n_new; ++i) {
    const size_t position = cache.tokens.size();
    const bool last = position + 1 == prompt.size();
    const int32_t row = batch_.add(prompt[position], position, s, last);
    if (last) slot.row = row;
    cache.tokens.push_back(prompt[position]);
  }
  if (context_.options.deterministic) cache.chunk_ends.push_back(cache.tokens.size());
}

// ---- one token -------------------------------------------------------------------------------------------------------

void Scheduler::advance(size_t s, std::span<const float> logits) {
  Slot& slot = slots_[s];
  const auto& request = slot.job->request;
  auto& sample = slot.job->result.samples[slot.sample];
  if (request.max_tokens == 0) return finish(s, FinishReason::kLength);

  const auto start = Clock::now();
  const Token token = slot.sampler->sample(logits);
  slot.job->result.decode_seconds += seconds_since(start);
  if (token < 0 || context_.model->is_end(token)) return finish(s, FinishReason::kStop);
  if (request.n_logprobs >= 0) {
    record_logprobs(sample, token, logits, request.n_logprobs);
    if (request.on_logprob) request.on_logprob(slot.sample, sample.logprobs.back());
  }
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
  Job& job = *slot.job;
  auto& sample = job.result.samples[slot.sample];
  const std::string rest = slot.text->finish();
  sample.text += rest;
  sample.finish = reason;
  const size_t index = slot.sample;
  slot = {};
  context_.caches[s].last_used = ++context_.use_counter;
  if (!rest.empty() && reason != FinishReason::kCancelled && job.request.on_token) job.request.on_token(index, rest);
  ++job.n_finished;
  end_if_done(job);
}

void Scheduler::end_if_done(Job& job) {
  if (job.n_finished < job.request.n || !job.on_done) return;
  job.first_logits = {};
  const bool started = job.n_started == job.request.n;
  const DoneFn on_done = std::exchange(job.on_done, {});
  on_done(std::move(job.result), started);
}

void Scheduler::cancel(Job& job) {
  if (job.n_finished == job.request.n) return;
  // Samples that never started count as finished first, so that the last slot to end tells that all did.
  job.n_finished += job.request.n - job.n_started;
  const bool any_slot = job.n_finished < job.request.n;
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].job == &job) finish(s, FinishReason::kCancelled);
  }
  if (!any_slot) end_if_done(job);
}

void Scheduler::cancel(LiveBatch::Id id) {
  for (const auto& job : jobs_) {
    if (job->id == id) cancel(*job);
  }
  forget_done_jobs();
}

void Scheduler::cancel_all() {
  for (const auto& job : jobs_) cancel(*job);
  forget_done_jobs();
}

void Scheduler::forget_done_jobs() {
  std::erase_if(jobs_, [](const auto& job) { return job->n_finished == job->request.n; });
}

}  // namespace aicoder
