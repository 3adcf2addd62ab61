// What a token costs in one lane, in two in turn, and with a fragment.
#include <algorithm>
#include <chrono>

#include "bench/statistics.h"
#include "bench/switch_parts.h"

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kPromptTokens = 8;

/// A lane that is answering, decoded by hand.
class Answering {
 public:
  Answering(const SwitchRun& run, const ContextOptions& options, const std::vector<ActiveAdapter>& set)
      : run_(run), context_(run.model, options), batch_(context_) {
    set_adapters(context_, set);
  }

  /// From a prompt of the same length in each round, because a longer one costs more a token.
  void restart(uint32_t seed) {
    batch_.cancel_all();
    seed_ = seed;
    read_prompt();
  }

  double decode_ms() {
    // An answer may end early: its successor's prompt is not what is measured.
    if (batch_.n_requests() == 0) read_prompt();
    const auto start = Clock::now();
    batch_.step(0, run_.options.stop);
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  }

 private:
  void read_prompt() {
    do {
      throw_if_stopped(run_.options.stop);
      batch_.submit({.prompt = random_tokens(*run_.model, kPromptTokens, seed_), .max_tokens = run_.options.generated_tokens + 1}, {});
      seed_ += 7919;  // not the same early end again
      while (batch_.reads_prompt()) batch_.step(0, run_.options.stop);
    } while (batch_.n_requests() == 0);
  }

  const SwitchRun& run_;
  Context context_;
  LiveBatch batch_;
  uint32_t seed_ = 0;
};

double mean_ms(const std::vector<Answering*>& lanes, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += lanes[i % lanes.size()]->decode_ms();
  return sum / static_cast<double>(n);
}

}  // namespace

size_t n_decode_rounds(const SwitchBenchOptions& options) { return std::max<size_t>(3, options.rounds / 5); }

void measure_decoding(SwitchRun& run, SwitchBench& result) {
  ContextOptions options{.n_ctx_seq = std::min<size_t>(kPromptTokens + run.options.generated_tokens + 8, run.model->n_ctx_train()),
                         .n_threads = run.n_threads};
  options.threads = std::make_shared<ComputeThreads>(run.n_threads);
  const auto adapter_a = Adapter::load(run.model, run.fragments[0]), adapter_b = Adapter::load(run.model, run.fragments[1]);
  Answering base(run, options, {}), a(run, options, {{adapter_a, 1.0f}}), b(run, options, {{adapter_b, 1.0f}});
  std::vector<double> base_ms, one_ms, two_ms, alternating, fragment;
  const size_t n = run.options.generated_tokens;
  for (size_t round = 0; round < n_decode_rounds(run.options); ++round) {
    const auto seed = static_cast<uint32_t>(1000 * (round + 1));
    const auto start_all = [&] {
      for (auto* lane : {&base, &a, &b}) lane->restart(seed);
    };
    // Each from the beginning again: two lanes in turn are half as far as one alone after as many tokens.
    start_all();
    base_ms.push_back(mean_ms({&base}, n / 2));
    one_ms.push_back(mean_ms({&a}, n / 2));
    start_all();
    two_ms.push_back(mean_ms({&a, &b}, 2 * (n / 2)));
    alternating.push_back(two_ms.back() / one_ms.back());
    fragment.push_back(one_ms.back() / base_ms.back());
    run.raw.add({{"measure", "decode"},
                 {"round", round},
                 {"base_ms", base_ms.back()},
                 {"one_lane_ms", one_ms.back()},
                 {"two_lanes_ms", two_ms.back()}});
    run.step();
  }
  result.base_ms = interval(base_ms);
  result.one_lane_ms = interval(one_ms);
  result.two_lanes_ms = interval(two_ms);
  result.alternating_ratio = interval(alternating);
  result.fragment_ratio = interval(fragment);
}

}  // namespace aicoder
