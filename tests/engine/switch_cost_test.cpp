// What lanes cost: alternating between them, copying a prefix, entering one that is there. Prints its numbers; fails only where a
// cost that must not be there is larger than the noise of a busy machine.
#include <algorithm>
#include <chrono>
#include <iostream>

#include "engine/engine_fixture.h"
#include "engine/test_lane.h"

namespace aicoder {
namespace {

using test::EngineTest;
using test::smollm;
using test::TestLane;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<size_t>(q * static_cast<double>(values.size() - 1)));
}

class SwitchCost : public EngineTest {};

/// Milliseconds of `n` decodes that go round `lanes`, each of which is answering.
double decode_ms(const std::vector<TestLane*>& lanes, size_t n) {
  const auto start = Clock::now();
  for (size_t i = 0; i < n; ++i) lanes[i % lanes.size()]->batch.step();
  return ms_since(start) / static_cast<double>(n);
}

TEST_F(SwitchCost, AlternatingLanesCostNoMoreThanOneLane) {
  const auto a = Adapter::load(smollm(), resolve("a")), b = Adapter::load(smollm(), resolve("b"));
  ContextOptions shared{.n_ctx_seq = 2048};
  shared.threads = std::make_shared<ComputeThreads>();
  ContextOptions own = shared;
  own.threads.reset();
  TestLane lane_a(smollm(), {{a, 1}}, shared), lane_b(smollm(), {{b, 1}}, shared);
  TestLane apart_a(smollm(), {{a, 1}}, own), apart_b(smollm(), {{b, 1}}, own);
  for (auto* lane : {&lane_a, &lane_b, &apart_a, &apart_b}) {
    // Control tokens never come of this grammar, so that no answer ends early.
    lane->batch.submit({.prompt = test::chat_tokens("Tell a long story."), .max_tokens = 2000, .grammar = "root ::= [a-z ]*"}, {});
    decode_ms({lane}, 8);
  }
  std::vector<double> one, two, apart;
  for (int round = 0; round < 12; ++round) {
    one.push_back(decode_ms({round % 2 == 0 ? &lane_a : &lane_b}, 24));
    two.push_back(decode_ms({&lane_a, &lane_b}, 24));
    apart.push_back(decode_ms({&apart_a, &apart_b}, 24));
  }
  std::cout << "[alternate] ms a token, median (least) of 12 rounds: one lane " << quantile(one, 0.5) << " (" << quantile(one, 0)
            << "), two lanes in turn " << quantile(two, 0.5) << " (" << quantile(two, 0) << "), two with threads of their own "
            << quantile(apart, 0.5) << " (" << quantile(apart, 0) << "), " << shared.threads->n_threads() << " threads\n";
  EXPECT_LT(quantile(two, 0), 1.5 * quantile(one, 0));
}

TEST_F(SwitchCost, CopyingAPrefixIsMuchCheaperThanReadingIt) {
  const auto model = Model::load(test::require_model("qwen2.5-coder-0.5b"));
  const ContextOptions options{.n_ctx_seq = 2048};
  TestLane base(model, {}, options), other(model, {}, options);
  test::introduce({&base, &other});
  std::string text;
  while (model->tokenize(text).size() < 1024) text += "def add(a, b):\n    return a + b\n\n";
  auto prompt = model->tokenize(text);
  prompt.resize(1024);
  for (const size_t n : {size_t{250}, size_t{500}, size_t{1000}}) {
    base.context.clear();
    const auto read = base.run({prompt.begin(), prompt.begin() + static_cast<ptrdiff_t>(n)}, 0, 0);
    std::vector<double> copies;
    for (int i = 0; i < 9; ++i) {
      other.context.clear();
      const auto result = other.run({prompt.begin(), prompt.begin() + static_cast<ptrdiff_t>(n)}, 0, 0);
      EXPECT_EQ(result.copied_tokens, n - 1);
      copies.push_back(result.copy_ms);
    }
    std::cout << "[copy] qwen2.5-coder-0.5b, " << n << " tokens: " << quantile(copies, 0.5) << " ms (least " << quantile(copies, 0)
              << "), read in " << 1000 * read.prefill_seconds << " ms\n";
    EXPECT_LT(quantile(copies, 0.5) * 20, 1000 * read.prefill_seconds);
  }
}

TEST_F(SwitchCost, EnteringALaneThatIsThere) {
  auto wide = options(1);
  wide.lanes.context.n_ctx_seq = 1024;
  wide.lanes.context.n_threads = 0;
  const auto engine = make(wide);
  std::string history;
  while (smollm()->tokenize(history).size() < 600) history += "Fact: water is wet. ";
  // Each turn of a lane is the same request: its prefix is there, one token is read and one made.
  const auto turn = [&](const char* name) {
    EngineRequest request;
    request.generation = {.messages = {{"system", history}, {"user", "Go on."}}, .fragments = {{name, {}}}, .max_tokens = 1};
    request.active_from = 1;
    const auto start = Clock::now();
    const auto result = engine->submit(request).get();
    return std::pair(ms_since(start), result);
  };
  turn("a");
  turn("b");
  std::vector<double> stay, change, choose;
  for (int i = 0; i < 100; ++i) {
    change.push_back(turn("a").first);
    stay.push_back(turn("a").first);
    const auto [ms, result] = turn("b");
    change.push_back(ms);
    choose.push_back(result.switch_ms);
    EXPECT_EQ(result.output.prompt_tokens - result.output.reused_tokens, 1u);
    stay.push_back(turn("b").first);
  }
  std::cout << "[switch] smollm2-135m, 600 tokens there, ms to the first token: staying p50 " << quantile(stay, 0.5) << " p99 "
            << quantile(stay, 0.99) << ", changed p50 " << quantile(change, 0.5) << " p99 " << quantile(change, 0.99)
            << "; choosing the lane p50 " << quantile(choose, 0.5) << " p99 " << quantile(choose, 0.99) << "\n";
  EXPECT_LT(quantile(choose, 0.5), 1.0);
}

}  // namespace
}  // namespace aicoder
