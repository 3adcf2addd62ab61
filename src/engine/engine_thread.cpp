#include "engine/engine_thread.h"

#include <malloc.h>

#include <algorithm>
#include <future>
#include <utility>

#include "engine/prompt_start.h"

namespace aicoder {
namespace {

/// A lane that only has batch requests gets one decode for so many of each lane with an interactive one.
constexpr double kBatchStride = 4;
/// A prefix that its lane still lacks after so many readings (it was pushed out each time) is given up.
constexpr size_t kPrefixAttempts = 3;
/// Waiting requests may be stopped or expire while nothing is decoded.
constexpr std::chrono::milliseconds kIdlePoll{20};
/// How old the numbers of stats() may get while nothing begins or ends.
constexpr std::chrono::milliseconds kPublishEvery{200};

/// The allocator keeps what was freed, up to all of it. Told so where a fragment and its lane went: others may need the memory.
void give_memory_back() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

double ms_between(EngineClock::time_point from, EngineClock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

EngineThread::EngineThread(std::shared_ptr<const Model> model, const EngineOptions& options)
    : model_(std::move(model)), options_(options), adapters_(model_), lanes_(model_, options.lanes, options.prefill_chunk) {
  thread_ = std::thread([this] { run(); });
}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = draining_ = true;
  }
  stop_all_.request_stop();  // cuts the decode short
  wake_.notify_all();
  thread_.join();
}

// ---- any thread ------------------------------------------------------------------------------------------------------

void EngineThread::check_open(bool bounded) const {
  if (draining_) throw Error(ErrorCode::kFailedPrecondition, "[engine] draining: no new requests", "ask another engine, or start one");
  if (bounded && n_queued_ >= options_.max_queued) {
    throw Error(ErrorCode::kResourceExhausted, "[engine] the queue is full: " + std::to_string(n_queued_) + " requests wait",
                "try again later, or raise max_queued");
  }
}

void EngineThread::submit(std::unique_ptr<Ticket> ticket, bool bounded) {
  {
    const std::lock_guard lock(mutex_);
    try {
      check_open(bounded);
    } catch (const Error&) {
      ++stats_.refused;
      throw;
    }
    ++stats_.requests;
    ++n_queued_;
    ++n_inside_;
    incoming_.push_back(std::move(ticket));
  }
  wake_.notify_one();
}

void EngineThread::submit(std::unique_ptr<EmbedTask> task) {
  {
    const std::lock_guard lock(mutex_);
    try {
      check_open(true);
    } catch (const Error&) {
      ++stats_.refused;
      throw;
    }
    ++stats_.requests;
    ++n_inside_;
    ++n_queued_;
    incoming_embeds_.push_back(std::move(task));
  }
  wake_.notify_one();
}

template <typename Result>
Result EngineThread::on_engine_thread(std::function<Result()> command) {
  if (std::this_thread::get_id() == thread_.get_id()) return command();
  std::packaged_task<Result()> task(std::move(command));
  auto result = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    commands_.emplace_back([&task] { task(); });
  }
  wake_.notify_one();
  return result.get();
}

LoadedFragment EngineThread::load(const std::string& name, const std::filesystem::path& path) {
  return on_engine_thread<LoadedFragment>([&] {
    const auto adapter = adapters_.get(path);
    const auto known = [&](const auto& other) { return other.lock() == adapter; };
    if (std::none_of(alive_.begin(), alive_.end(), known)) alive_.push_back(adapter);
    names_[adapter->path()] = name;
    publish();
    return describe(*adapter, name);
  });
}

bool EngineThread::unload(const std::filesystem::path& path) {
  return on_engine_thread<bool>([&] {
    const bool was = adapters_.drop(path);
    lanes_.drop_unneeded(adapters_);
    if (was) give_memory_back();
    publish();
    return was;
  });
}

bool EngineThread::drain(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return ended_cv_.wait_for(lock, limit, [&] { return n_inside_ == 0; });
}

EngineStats EngineThread::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats now = stats_;
  now.queued = n_queued_;
  return now;
}

std::vector<LoadedFragment> EngineThread::fragments() const {
  const std::lock_guard lock(mutex_);
  return fragments_;
}

// ---- the engine's thread: the loop -----------------------------------------------------------------------------------

void EngineThread::run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      const auto called = [&] { return stopping_ || !incoming_.empty() || !incoming_embeds_.empty() || !commands_.empty(); };
      const auto& lanes = lanes_.all();
      const bool decodes = std::any_of(lanes.begin(), lanes.end(), [](const auto& lane) { return lane->in_use(); });
      if (!decodes && embeds_.empty()) {
        if (waiting_.empty()) {
          wake_.wait(lock, called);
        } else {
          wake_.wait_for(lock, kIdlePoll, called);
        }
      }
      if (stopping_) break;
    }
    take_incoming();
    const bool decoded = turn();
    const bool embedded = embed_one();
    if (!decoded && !embedded && !waiting_.empty()) std::this_thread::yield();
  }
  end_all();
}

void EngineThread::take_incoming() {
  std::deque<std::function<void()>> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
    for (auto& ticket : incoming_) {
      const auto behind = [&](const auto& other) { return ticket->urgent && !other->urgent; };
      waiting_.insert(std::find_if(waiting_.begin(), waiting_.end(), behind), std::move(ticket));
    }
    changed_ = changed_ || !incoming_.empty();
    incoming_.clear();
    for (auto& task : incoming_embeds_) {
      task->pass = clock_;
      embeds_.push_back(std::move(task));
      --n_queued_;
    }
    incoming_embeds_.clear();
  }
  for (const auto& command : commands) command();
}

void EngineThread::end_all() {
  take_incoming();
  while (!waiting_.empty()) {
    end_unstarted(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  for (const auto& lane : lanes_.all()) lane->batch.cancel_all();
  for (const auto& task : embeds_) {
    task->promise.set_exception(std::make_exception_ptr(Error(ErrorCode::kCancelled, "[engine] stopped")));
    const std::lock_guard lock(mutex_);
    --n_inside_;
  }
  embeds_.clear();
  deliver();
}

/// One decode of the lane whose turn it is. False: there was none.
bool EngineThread::turn() {
  expire();
  place();
  if (changed_) publish();  // before its first token tells that a request runs
  Lane* lane = next_lane();
  const bool decoded = lane != nullptr && step(*lane);
  deliver();
  return decoded;
}

void EngineThread::expire() {
  const auto now = EngineClock::now();
  const auto is_over = [&](const Ticket& ticket) { return ticket.stop.stop_requested() || (ticket.deadline && now >= *ticket.deadline); };
  for (auto ticket = waiting_.begin(); ticket != waiting_.end();) {
    if (!is_over(**ticket)) {
      ++ticket;
      continue;
    }
    end_unstarted(std::move(*ticket));
    ticket = waiting_.erase(ticket);
  }
  for (const auto& lane : lanes_.all()) {
    std::vector<LiveBatch::Id> over;
    for (const auto& [id, ticket] : lane->tickets) {
      if (is_over(*ticket)) over.push_back(id);
    }
    for (LiveBatch::Id id : over) lane->batch.cancel(id);
  }
}

// ---- giving requests to lanes ----------------------------------------------------------------------------------------

void EngineThread::place() {
  // Where the budget holds up one request, those behind it wait too: else they would keep in use the lane that must go.
  bool blocked = false;
  for (auto ticket = waiting_.begin(); ticket != waiting_.end() && !blocked;) {
    if (place(*ticket, blocked)) {
      ticket = waiting_.erase(ticket);
    } else {
      ++ticket;
    }
  }
}

bool EngineThread::place(std::unique_ptr<Ticket>& ticket, bool& blocked) {
  const auto start = EngineClock::now();
  Lane* lane = nullptr;
  try {
    prepare(*ticket);
    lane = lanes_.find(*ticket->set);
    if (lane == nullptr) {
      lane = lanes_.make(*ticket->set, false);
      if (lane == nullptr) {
        blocked = true;
        return false;
      }
      ticket->result.lane_created = true;
      changed_ = true;
    }
    if (lane->batch.n_free(ticket->urgent) == 0) return false;
    ticket->result.queue_ms = ms_between(ticket->submitted, start);
    ticket->result.switch_ms = ms_between(start, EngineClock::now());
    start_in(*lane, ticket);
  } catch (...) {
    end_unstarted(std::move(ticket), std::current_exception());
  }
  return true;
}

/// Loads the fragments' files, on this thread only: llama.cpp walks over a model's adapters whenever a context is made.
void EngineThread::prepare(Ticket& ticket) {
  if (ticket.set) return;
  ticket.set = adapters_.activate(ticket.files);
  for (const auto& active : *ticket.set) {
    const auto known = [&](const auto& other) { return other.lock() == active.adapter; };
    if (std::none_of(alive_.begin(), alive_.end(), known)) alive_.push_back(active.adapter);
    names_.try_emplace(active.adapter->path(), active.adapter->path().stem().string());
  }
  changed_ = true;
  use_settings(ticket);
}

/// What the fragments' files ask for: text in front of the messages, where they begin to act, how to sample.
void EngineThread::use_settings(Ticket& ticket) {
  std::vector<FragmentSettings> settings;
  bool acts_later = false;
  for (const auto& active : *ticket.set) {
    settings.push_back(active.adapter->settings());
    acts_later = acts_later || settings.back().invocation != Invocation::kStart;
  }
  GenerateRequest& generate = ticket.generate;
  if (ticket.sampling_of_fragments) apply_settings(settings, generate.sampling);
  auto messages = std::exchange(ticket.messages, {});
  if (messages.empty()) {
    if (ticket.active_from_files && acts_later) generate.active_from = generate.prompt.size() - 1;
    return;
  }
  const size_t n_given = messages.size();
  apply_settings(settings, messages);
  const size_t n_before = messages.size() - n_given;
  if (std::any_of(settings.begin(), settings.end(), [](const auto& s) { return !s.prompt_prefix.empty(); })) {
    generate.prompt = model_->chat_tokens(messages, true, ticket.assistant_prefix);
    check_request(*model_, options_.lanes.context.n_ctx_seq, generate);
  }
  size_t message = 0;
  if (ticket.active_message) {
    message = *ticket.active_message == 0 ? 0 : std::min(*ticket.active_message, n_given) + n_before;
  } else {
    for (const auto& one : settings) message = std::max(message, first_message(one.invocation, messages));
  }
  generate.active_from = active_position(*model_, messages, generate.prompt, message);
}

void EngineThread::start_in(Lane& lane, std::unique_ptr<Ticket>& ticket) {
  lanes_.touch(lane);
  if (!lane.in_use()) lane.pass = std::max(lane.pass, clock_);
  Ticket& t = *ticket;
  // The batch tells only at step() or cancel() that a request is done: its id is known by then.
  const auto id = std::make_shared<LiveBatch::Id>(0);
  Lane* const where = &lane;
  const auto done = [this, where, id](GenerateResult&& output) { on_done(where, *id, std::move(output)); };
  *id = lane.batch.submit(std::move(t.generate), done, t.stop, t.urgent);
  lane.tickets[*id] = std::move(ticket);
  changed_ = true;
  const std::lock_guard lock(mutex_);
  --n_queued_;
}

// ---- decoding --------------------------------------------------------------------------------------------------------

Lane* EngineThread::next_lane() {
  Lane* next = nullptr;
  bool urgent = false;
  for (const auto& lane : lanes_.all()) {
    if (!lane->in_use()) continue;
    urgent = urgent || lane->batch.has_urgent();
    if (next == nullptr || lane->pass < next->pass) next = lane.get();
  }
  if (next == nullptr) return nullptr;
  clock_ = next->pass;
  next->pass += urgent && !next->batch.has_urgent() ? kBatchStride : 1;
  return next;
}

bool EngineThread::step(Lane& lane) {
  lanes_.touch(lane);
  const bool reads = lane.batch.reads_prompt();
  const auto start = EngineClock::now();
  bool decoded = false;
  try {
    decoded = lane.batch.step(options_.prefill_chunk, stop_all_.get_token());
  } catch (...) {
    fail_lane(&lane, std::current_exception());
    return true;
  }
  (reads ? counted_.prefill_seconds : counted_.decode_seconds) += ms_between(start, EngineClock::now()) / 1000;
  ask_for_prefixes(lane);
  hand_out_prefixes();
  return decoded;
}

void EngineThread::fail_lane(Lane* lane, const std::exception_ptr& error) {
  auto tickets = std::move(lane->tickets);
  lane->tickets.clear();
  for (auto& [id, ticket] : tickets) {
    ended_.emplace_back(std::move(ticket), Outcome{.error = error, .started = true});
  }
  // Its batch forgot all requests; what it read for others they ask for again.
  if (lane->set.empty()) prefixes_.clear();
  for (const auto& prefix : prefixes_) {
    std::erase_if(prefix->wanted_by, [&](const auto& wanted) { return wanted.first == lane; });
    if (prefix->wanted_by.empty()) prefix->stop.request_stop();
  }
  lanes_.drop(lane);
  changed_ = true;
}

void EngineThread::ask_for_prefixes(Lane& lane) {
  for (auto& missing : lane.batch.missing_prefixes()) {
    const auto wants = [&](const auto& wanted) { return wanted.first == &lane && wanted.second == missing.id; };
    const auto asked = [&](const auto& prefix) { return std::any_of(prefix->wanted_by.begin(), prefix->wanted_by.end(), wants); };
    if (std::any_of(prefixes_.begin(), prefixes_.end(), asked)) continue;
    Ticket& ticket = *lane.tickets.at(missing.id);
    if (++ticket.prefix_attempts > kPrefixAttempts) {
      ticket.error =
          std::make_exception_ptr(Error(ErrorCode::kInternal, "[engine] the tokens before active_from could not be copied from the base"));
      lane.batch.cancel(missing.id);
      continue;
    }
    const auto same = std::find_if(prefixes_.begin(), prefixes_.end(),
                                   [&](const auto& p) { return !p->done && !p->stop.stop_requested() && p->tokens == missing.tokens; });
    if (same != prefixes_.end()) {
      (*same)->wanted_by.emplace_back(&lane, missing.id);
      continue;
    }
    try {
      Lane* base = lanes_.find({});
      if (base == nullptr) base = lanes_.make({}, true), changed_ = true;
      if (!base->in_use()) base->pass = std::max(base->pass, clock_);
      auto prefix = std::make_unique<Prefix>();
      prefix->tokens = missing.tokens;
      prefix->wanted_by.emplace_back(&lane, missing.id);
      const auto done = [p = prefix.get()](GenerateResult&& result) { p->done = true, p->result = std::move(result); };
      prefix->id = base->batch.submit({.prompt = missing.tokens, .max_tokens = 0}, done, prefix->stop.get_token(), ticket.urgent);
      prefixes_.push_back(std::move(prefix));
    } catch (...) {
      ticket.error = std::current_exception();
      lane.batch.cancel(missing.id);
    }
  }
}

void EngineThread::hand_out_prefixes() {
  for (const auto& prefix : prefixes_) {
    if (!prefix->done) continue;
    if (!prefix->wanted_by.empty()) {
      const auto& [lane, id] = prefix->wanted_by.front();
      Ticket& ticket = *lane->tickets.at(id);
      const auto& result = prefix->result;
      const bool read = result.samples.at(0).finish != FinishReason::kCancelled;
      ticket.prefix_read += read ? result.prompt_tokens - result.reused_tokens : 0;
      ticket.prefix_seconds += result.prefill_seconds;
      ticket.prefix_copy_ms += result.copy_ms;
    }
    // At once: the next request of the base may need the sequence that holds it.
    for (const auto& wanted : prefix->wanted_by) wanted.first->batch.take_prefixes();
  }
  std::erase_if(prefixes_, [](const auto& prefix) { return prefix->done; });
}

// ---- embeddings ------------------------------------------------------------------------------------------------------

/// One text, where embeddings have their turn; the lanes go on between its decodes. False: nothing to do.
bool EngineThread::embed_one() {
  if (embeds_.empty()) return false;
  auto& task = *embeds_.front();
  const auto& lanes = lanes_.all();
  const bool others = std::any_of(lanes.begin(), lanes.end(), [](const auto& lane) { return lane->in_use(); });
  if (others && task.pass > clock_) return false;
  clock_ = std::max(clock_, task.pass);
  std::exception_ptr error;
  lanes_.embedder_in_use(true);
  try {
    if (task.stop.stop_requested()) throw Error(ErrorCode::kCancelled, "[embed] stopped");
    const auto& tokens = task.texts[task.vectors.size()];
    const auto serve_others = [&] {
      take_incoming();
      turn();
    };
    std::stop_source stop;
    const std::stop_callback on_stop(task.stop, [&] { stop.request_stop(); });
    const std::stop_callback on_end(stop_all_.get_token(), [&] { stop.request_stop(); });
    task.vectors.push_back(lanes_.embedder().embed(tokens, stop.get_token(), serve_others));
    counted_.prompt_tokens += tokens.size();
    task.pass += 1;
  } catch (...) {
    error = std::current_exception();
    if (task.stop.stop_requested()) ++counted_.cancelled;
  }
  lanes_.embedder_in_use(false);
  if (!error && task.vectors.size() < task.texts.size()) {
    embeds_.splice(embeds_.end(), embeds_, embeds_.begin());  // tasks take turns too
    return true;
  }
  const auto ended = std::move(embeds_.front());
  embeds_.pop_front();
  publish();
  if (error) {
    ended->promise.set_exception(error);
  } else {
    ended->promise.set_value(std::move(ended->vectors));
  }
  {
    const std::lock_guard lock(mutex_);
    --n_inside_;
  }
  ended_cv_.notify_all();
  return true;
}

// ---- ends ------------------------------------------------------------------------------------------------------------

void EngineThread::on_done(Lane* lane, LiveBatch::Id id, GenerateResult&& output) {
  const auto found = lane->tickets.find(id);
  auto ticket = std::move(found->second);
  lane->tickets.erase(found);
  for (const auto& prefix : prefixes_) {
    std::erase(prefix->wanted_by, std::pair(lane, id));
    if (prefix->wanted_by.empty()) prefix->stop.request_stop();
  }
  end(std::move(ticket), std::move(output), true);
}

void EngineThread::end(std::unique_ptr<Ticket> ticket, GenerateResult&& output, bool started) {
  // What the base lane read for this request was not reused, whatever its own lane says.
  output.reused_tokens -= std::min(output.reused_tokens, ticket->prefix_read);
  output.copied_tokens = std::min(output.copied_tokens, output.reused_tokens);
  output.prefill_seconds += ticket->prefix_seconds;
  output.copy_ms += ticket->prefix_copy_ms;
  counted_.prompt_tokens += started ? output.prompt_tokens : 0;
  counted_.reused_tokens += output.reused_tokens;
  counted_.copied_tokens += output.copied_tokens;
  counted_.copy_ms += output.copy_ms;
  counted_.drafted_tokens += output.drafted_tokens;
  counted_.accepted_tokens += output.accepted_tokens;
  bool cancelled = false;
  for (const auto& sample : output.samples) {
    counted_.generated_tokens += sample.tokens.size();
    cancelled = cancelled || sample.finish == FinishReason::kCancelled;
  }
  if (cancelled) ++counted_.cancelled;
  Outcome outcome{.result = std::move(ticket->result), .error = ticket->error, .started = started};
  outcome.result.output = std::move(output);
  ended_.emplace_back(std::move(ticket), std::move(outcome));
}

void EngineThread::end_unstarted(std::unique_ptr<Ticket> ticket, std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    --n_queued_;
  }
  if (error) {
    ended_.emplace_back(std::move(ticket), Outcome{.error = std::move(error)});
    return;
  }
  GenerateResult output;
  output.prompt_tokens = ticket->generate.prompt.size();
  output.samples.resize(ticket->generate.n);
  for (auto& sample : output.samples) sample.finish = FinishReason::kCancelled;
  ticket->result.queue_ms = ms_between(ticket->submitted, EngineClock::now());
  end(std::move(ticket), std::move(output), false);
}

void EngineThread::deliver() {
  if (ended_.empty()) {
    if (changed_ || EngineClock::now() - published_ > kPublishEvery) publish();
    return;
  }
  auto ended = std::exchange(ended_, {});
  std::vector<std::pair<std::function<void(Outcome&&)>, Outcome>> outcomes;
  for (auto& [ticket, outcome] : ended) outcomes.emplace_back(std::move(ticket->on_end), std::move(outcome));
  ended.clear();  // with them their hold on adapters
  if (lanes_.drop_unneeded(adapters_)) give_memory_back();
  publish();
  for (auto& [on_end, outcome] : outcomes) {
    if (on_end) on_end(std::move(outcome));
  }
  {
    const std::lock_guard lock(mutex_);
    n_inside_ -= outcomes.size();
  }
  ended_cv_.notify_all();
}

LoadedFragment EngineThread::describe(const Adapter& adapter, const std::string& name) const {
  LoadedFragment fragment{.name = name,
                          .path = adapter.path(),
                          .strength = adapter.default_strength(),
                          .bytes = adapter.bytes(),
                          .settings = adapter.settings()};
  const auto has = [&](const std::vector<ActiveAdapter>& set) {
    return std::any_of(set.begin(), set.end(), [&](const auto& active) { return active.adapter.get() == &adapter; });
  };
  for (const auto& lane : lanes_.all()) {
    if (!has(lane->set)) continue;
    ++fragment.lanes;
    fragment.requests += lane->tickets.size();
  }
  for (const auto& ticket : waiting_) fragment.requests += ticket->set && has(*ticket->set) ? 1 : 0;
  return fragment;
}

void EngineThread::publish() {
  changed_ = false;
  published_ = EngineClock::now();
  std::erase_if(alive_, [](const auto& adapter) { return adapter.expired(); });
  uint64_t fragment_bytes = 0;
  for (const auto& adapter : alive_) {
    if (const auto held = adapter.lock()) fragment_bytes += held->bytes();
  }
  std::vector<LoadedFragment> fragments;
  for (const auto& adapter : adapters_.loaded()) fragments.push_back(describe(*adapter, names_[adapter->path()]));
  size_t running = 0;
  for (const auto& lane : lanes_.all()) running += lane->tickets.size();

  const std::lock_guard lock(mutex_);
  fragments_ = std::move(fragments);
  const uint64_t requests = stats_.requests, refused = stats_.refused;
  stats_ = counted_;
  stats_.requests = requests;
  stats_.refused = refused;
  stats_.running = running + embeds_.size();
  stats_.lanes = lanes_.all().size();
  stats_.lane_bytes = lanes_.bytes();
  stats_.fragment_bytes = fragment_bytes;
}

}  // namespace aicoder
