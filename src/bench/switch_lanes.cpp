// What an engine's requests take when the fragments change.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "aicoder/engine.h"
#include "bench/statistics.h"
#include "bench/switch_parts.h"

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

constexpr size_t kTurnTokens = 16;  // of a request beyond the shared context
constexpr size_t kReserve = 512;    // for turns and answers beyond the context

/// The engine of one measurement: lanes of one sequence, so that what a lane holds is known.
class Lanes {
 public:
  explicit Lanes(const SwitchRun& run, bool deterministic = false) : run_(run) {
    EngineOptions options;
    options.lanes.context.n_ctx_seq = std::min(run.options.context_tokens + kReserve, run.model->n_ctx_train());
    options.lanes.context.n_seq_max = 1;
    options.lanes.context.n_threads = run.n_threads;
    options.lanes.context.deterministic = deterministic;
    options.lanes.budget_bytes = size_t{1} << 50;  // nothing is dropped but what is dropped here
    engine = std::make_unique<Engine>(run.model, options, [](std::string_view path) { return std::filesystem::path(path); });
  }
  std::string name(size_t fragment) const { return run_.fragments[fragment].string(); }

  struct Answer {
    GenerationResult result;
    double ms = 0;
  };
  /// \param fragment  index, or the number of fragments for the base
  Answer ask(std::vector<Token> prompt, size_t fragment, size_t active_from, size_t max_tokens) {
    throw_if_stopped(run_.options.stop);
    EngineRequest request;
    request.generation.max_tokens = max_tokens;
    if (fragment < run_.fragments.size()) {
      request.generation.fragments = {{.name = name(fragment), .strength = 1.0f, .language = {}}};
      request.active_from = active_from;
    }
    request.prompt = std::move(prompt);
    const auto start = Clock::now();
    auto future = engine->submit(std::move(request), run_.options.stop);
    Answer answer{.result = future.get()};
    answer.ms = ms_since(start);
    throw_if_stopped(run_.options.stop);
    return answer;
  }
  size_t base() const { return run_.fragments.size(); }

  std::unique_ptr<Engine> engine;

 private:
  const SwitchRun& run_;
};

std::vector<Token> joined(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Memory that this process has in RAM.
int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

/// Of the context: some lengths up to the whole.
std::vector<size_t> entry_lengths(size_t context) {
  std::vector<size_t> lengths;
  for (const size_t n : {size_t{250}, size_t{500}, size_t{1000}}) {
    if (n < context) lengths.push_back(n);
  }
  lengths.push_back(context);
  return lengths;
}

size_t n_entries(const SwitchBenchOptions& options) { return std::max<size_t>(3, options.rounds / 10); }

}  // namespace

std::vector<Token> random_tokens(const Model& model, size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  const size_t first = model.n_vocab() / 8, range = model.n_vocab() / 2 - first;
  std::vector<Token> tokens(n);
  for (auto& token : tokens) token = static_cast<Token>(first + random() % range);
  return tokens;
}

size_t n_steps_first_token(const SwitchBenchOptions& options) { return options.rounds; }

void measure_first_tokens(SwitchRun& run, SwitchBench& result) {
  const size_t n_context = run.options.context_tokens;
  Lanes lanes(run);
  const auto prompt = joined(random_tokens(*run.model, n_context, 1), random_tokens(*run.model, kTurnTokens, 2));
  for (const size_t fragment : {0, 1, 0, 1}) lanes.ask(prompt, fragment, n_context, 1);
  std::vector<double> stay, change, difference;
  for (size_t round = 0; round < run.options.rounds; ++round) {
    for (const size_t fragment : {size_t{0}, size_t{1}}) {
      const auto changed = lanes.ask(prompt, fragment, n_context, 1), stayed = lanes.ask(prompt, fragment, n_context, 1);
      for (const auto* answer : {&changed, &stayed}) {
        const auto& output = answer->result.output;
        // Fast for another reason, or slow for another: then this is no measurement of switching.
        if (output.prompt_tokens - output.reused_tokens != 1 || answer->result.lane_created) {
          throw Error(ErrorCode::kInternal, fmt::format("[bench] a lane that was there read {} tokens of its own prompt again, expected 1",
                                                        output.prompt_tokens - output.reused_tokens));
        }
        run.raw.add({{"measure", "first_token"},
                     {"round", round},
                     {"kind", answer == &changed ? "change" : "stay"},
                     {"fragment", fragment},
                     {"ms", answer->ms},
                     {"choose_ms", answer->result.switch_ms}});
      }
      change.push_back(changed.ms);
      stay.push_back(stayed.ms);
      difference.push_back(changed.ms - stayed.ms);
    }
    run.step();
  }
  result.stay_ms = quantiles(stay);
  result.change_ms = quantiles(change);
  result.difference_ms = interval(difference);
  result.p50_ms = result.change_ms.p50 - result.stay_ms.p50;
  result.p99_ms = result.change_ms.p99 - result.stay_ms.p99;
}

size_t n_steps_entries(const SwitchBenchOptions& options) {
  const size_t n_lengths = entry_lengths(options.context_tokens).size();
  return (2 * n_lengths - 1) * n_entries(options);
}

void measure_entries(SwitchRun& run, SwitchBench& result) {
  const size_t n_context = run.options.context_tokens;
  const auto context = random_tokens(*run.model, n_context, 1);
  const auto turn = random_tokens(*run.model, kTurnTokens, 3);
  const auto measure = [&](size_t wanted, size_t source) {
    Lanes lanes(run);
    // The last token of a prompt is decoded, not kept for its answer: with one more the base holds `source`.
    lanes.ask(joined({context.begin(), context.begin() + static_cast<ptrdiff_t>(source)}, turn), lanes.base(), 0, 1);
    LaneEntry entry{.wanted = wanted, .source = source + kTurnTokens};
    std::vector<double> copy, make;
    for (size_t i = 0; i < n_entries(run.options); ++i) {
      const size_t fragment = i % 2;
      lanes.engine->unload_fragment(lanes.name(fragment));
      const auto answer = lanes.ask(joined({context.begin(), context.begin() + static_cast<ptrdiff_t>(wanted)}, turn), fragment, wanted, 1);
      const auto& output = answer.result.output;
      copy.push_back(output.copy_ms);
      make.push_back(answer.result.switch_ms);
      entry.reread += wanted - std::min(wanted, output.reused_tokens);
      run.raw.add({{"measure", "entry"},
                   {"wanted", wanted},
                   {"source", entry.source},
                   {"copied", output.copied_tokens},
                   {"copy_ms", output.copy_ms},
                   {"make_ms", answer.result.switch_ms}});
      run.step();
    }
    entry.copy_ms = interval(copy);
    entry.make_ms = interval(make);
    entry.ms_per_250 = entry.copy_ms.median * 250 / static_cast<double>(wanted);
    result.entries.push_back(entry);
    if (wanted == n_context) result.copy_ms = entry.copy_ms.median;
  };
  for (const size_t n : entry_lengths(n_context)) {
    measure(n, n);
    if (n < n_context) measure(n, n_context);
  }
}

void measure_turns(SwitchRun& run, SwitchBench& result) {
  const size_t n_context = run.options.context_tokens;
  constexpr size_t kAnswer = 32, kRole = 24;
  Lanes lanes(run);
  auto prompt = random_tokens(*run.model, n_context, 4);
  lanes.ask(joined(prompt, random_tokens(*run.model, 1, 5)), lanes.base(), 0, 1);  // somebody has read the context before
  const struct {
    const char* role;
    size_t fragment;
  } roles[] = {{"plan", 0}, {"act", 1}, {"review", 0}};
  uint32_t seed = 6;
  for (const auto& role : roles) {
    prompt = joined(std::move(prompt), random_tokens(*run.model, kRole, seed++));
    const auto answer = lanes.ask(prompt, role.fragment, n_context, 1);
    const auto& output = answer.result.output;
    RoleTurn turn{.role = role.role,
                  .prompt_tokens = output.prompt_tokens,
                  .after_invocation = output.prompt_tokens - n_context,
                  .reprefilled_tokens = output.prompt_tokens - output.reused_tokens,
                  .context_reread = n_context - std::min(n_context, output.reused_tokens),
                  .first_token_ms = answer.ms};
    run.raw.add({{"measure", "turn"},
                 {"role", turn.role},
                 {"prompt_tokens", turn.prompt_tokens},
                 {"reprefilled_tokens", turn.reprefilled_tokens},
                 {"ms", turn.first_token_ms}});
    result.reprefilled_tokens += turn.reprefilled_tokens;
    result.turns.push_back(std::move(turn));
    // An answer of a fixed length: what the model would say ends where it likes.
    prompt = joined(std::move(prompt), random_tokens(*run.model, kAnswer, seed++));
    run.step();
  }
}

void measure_memory(SwitchRun& run, SwitchBench& result) {
  Lanes lanes(run);
  const auto prompt = random_tokens(*run.model, run.options.context_tokens, 1);
  const auto use = [&](size_t fragment) { lanes.ask(prompt, fragment, 0, 4); };
  use(lanes.base());
  // Once before: what the allocator keeps for itself is no part of a fragment.
  use(0);
  lanes.engine->unload_fragment(lanes.name(0));
  const auto before = lanes.engine->stats();
  const int64_t resident = resident_bytes();
  use(0);
  const auto with = lanes.engine->stats();
  result.bytes_per_lane = with.lane_bytes - before.lane_bytes;
  result.bytes_per_fragment = with.fragment_bytes - before.fragment_bytes;
  result.fragment_file_bytes = std::filesystem::file_size(run.fragments[0]);
  result.resident_bytes_added = resident_bytes() - resident;
  lanes.engine->unload_fragment(lanes.name(0));
  result.resident_bytes_left = resident_bytes() - resident;
  run.raw.add({{"measure", "memory"},
               {"lane_bytes", result.bytes_per_lane},
               {"fragment_bytes", result.bytes_per_fragment},
               {"resident_added", result.resident_bytes_added},
               {"resident_left", result.resident_bytes_left}});
  run.step();
}

void check_identical(SwitchRun& run, SwitchBench& result) {
  constexpr size_t kShared = 48, kAnswer = 8;
  const auto shared = random_tokens(*run.model, kShared, 7);
  const auto ask = [&](Lanes& lanes, size_t i) {
    const size_t fragment = i == 4 ? lanes.base() : i % 2;  // A B A B base
    const auto prompt = joined(shared, random_tokens(*run.model, 8, static_cast<uint32_t>(100 + i)));
    return lanes.ask(prompt, fragment, i < 2 ? kShared : 0, kAnswer).result.output.samples.at(0).tokens;
  };
  Lanes switching(run, true);
  result.identical = true;
  for (size_t i = 0; i < 5; ++i) {
    const auto switched = ask(switching, i);
    Lanes fresh(run, true);
    const bool same = switched == ask(fresh, i);
    result.identical = result.identical && same;
    run.raw.add({{"measure", "identical"}, {"turn", i}, {"same", same}, {"tokens", switched.size()}});
    run.step();
  }
}

}  // namespace aicoder
