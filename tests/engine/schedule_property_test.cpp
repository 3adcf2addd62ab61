// Fragments switch back and forth over shared and diverging histories; every greedy answer must be that of fresh contexts.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>

#include "engine/engine_fixture.h"
#include "engine/plain_llama.h"

namespace aicoder {
namespace {

using test::EngineTest;
using test::smollm;

constexpr size_t kChunk = 8, kContext = 256, kMostPrompt = 64, kAnswer = 8;

struct Turn {
  std::vector<FragmentChoice> set;
  std::vector<Token> prompt;
  size_t active_from = 0;
  std::vector<Token> answer;
};
std::ostream& operator<<(std::ostream& out, const Turn& turn) {
  for (const auto& choice : turn.set) out << choice.name << ":" << *choice.strength << " ";
  return out << "active from " << turn.active_from << " of " << turn.prompt.size() << " tokens";
}

class ScheduleTest : public EngineTest {
 protected:
  /// The adapters of the oracle belong to a model of their own: loading one must not meet the making of a context of that model.
  static void SetUpTestSuite() {
    EngineTest::SetUpTestSuite();
    oracle_model_ = Model::load(test::require_model("smollm2-135m"));
    for (const char* name : {"a", "b"}) oracle_adapters_[name] = Adapter::load(oracle_model_, resolve(name));
    auto probe = make(one_sequence(1, size_t{1} << 40));
    probe->submit(ask("Hi", {}, 1)).get();
    lane_bytes_ = probe->stats().lane_bytes;
  }
  static void TearDownTestSuite() {
    oracle_adapters_.clear();
    oracle_model_.reset();
    EngineTest::TearDownTestSuite();
  }
  static EngineOptions one_sequence(size_t n_seq_max, size_t budget_bytes) {
    EngineOptions options;
    options.lanes.context = {.n_ctx_seq = kContext, .n_seq_max = n_seq_max, .n_batch = kChunk, .n_threads = 1, .deterministic = true};
    options.lanes.budget_bytes = budget_bytes;
    options.prefill_chunk = kChunk;
    return options;
  }

  std::vector<Token> fresh(const Turn& turn) const {
    std::vector<ActiveAdapter> set;
    for (const auto& choice : turn.set) set.push_back({oracle_adapters_.at(choice.name), *choice.strength});
    return test::PlainLlama(oracle_model_, kContext, kChunk).greedy(turn.prompt, set, turn.active_from, kAnswer);
  }

  /// What the past was about, as far as a random point, and something new.
  static std::vector<Token> random_prompt(std::mt19937& random, const std::vector<Turn>& past) {
    const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
    std::vector<Token> prompt;
    if (!past.empty() && below(8) != 0) {
      const Turn& turn = past[past.size() - 1 - below(std::min<size_t>(past.size(), 3))];
      prompt = turn.prompt;
      if (below(2) == 0) prompt.insert(prompt.end(), turn.answer.begin(), turn.answer.end());
      if (below(3) == 0) prompt.resize(prompt.size() - below(prompt.size()) / 2);
      if (prompt.size() >= kMostPrompt) prompt.resize(kMostPrompt - 1);
    }
    const size_t room = kMostPrompt - prompt.size();
    const size_t more = prompt.empty() ? 17 + below(24) : 1 + below(std::min<size_t>(room, 10));
    // Ordinary words: ids from 1000 on hold no control token.
    for (size_t i = 0; i < more; ++i) prompt.push_back(static_cast<Token>(1000 + below(smollm()->n_vocab() - 1000)));
    return prompt;
  }
  /// None, any, or that of an earlier turn: then more than the base's part can be reused.
  static size_t random_point(std::mt19937& random, const Turn& turn, const std::vector<Turn>& past) {
    if (random() % 4 == 0) return random() % turn.prompt.size();
    if (past.empty() || random() % 3 == 0) return 0;
    return std::min(past[random() % past.size()].active_from, turn.prompt.size() - 1);
  }
  static std::vector<FragmentChoice> random_set(std::mt19937& random, size_t index) {
    const float strengths[] = {0.25f, 0.5f, 1.0f};
    const auto strength = [&] { return strengths[random() % 4 == 0 ? random() % 3 : 2]; };
    if (index == 4) return {};  // the schedule of the issue begins A B A B base
    if (index < 4) return {{index % 2 == 0 ? "a" : "b", strength()}};
    switch (random() % 4) {
      case 0:
        return {};
      case 1:
        return {{"a", strength()}};
      case 2:
        return {{"b", strength()}};
      default:
        return {{"a", strength()}, {"b", strength()}};
    }
  }

  /// \return tokens that were reused, so that a test that reuses nothing does not pass for one that does
  static EngineStats run_schedule(const ScheduleTest& test, uint32_t seed) {
    std::mt19937 random(seed);
    const size_t lanes[] = {1, 2, 3, 100, 100, 100};
    const auto engine = make(one_sequence(1 + random() % 2, lane_bytes_ * lanes[random() % 6] + lane_bytes_ / 2));
    std::vector<Turn> past;
    const size_t n_turns = 5 + random() % 4;
    for (size_t t = 0; t < n_turns;) {
      // Sometimes two at once.
      std::vector<Turn> now(1 + (random() % 4 == 0 ? 1 : 0));
      std::vector<std::future<GenerationResult>> answers;
      for (auto& turn : now) {
        turn.set = random_set(random, t++);
        turn.prompt = random_prompt(random, past);
        if (!turn.set.empty()) turn.active_from = random_point(random, turn, past);
      }
      for (const auto& turn : now) {
        EngineRequest request{
            .generation = {.fragments = turn.set, .max_tokens = kAnswer}, .prompt = turn.prompt, .active_from = turn.active_from};
        answers.push_back(engine->submit(request));
      }
      for (size_t i = 0; i < now.size(); ++i) {
        now[i].answer = answers[i].get().output.samples.at(0).tokens;
        EXPECT_EQ(now[i].answer, test.fresh(now[i])) << "seed " << seed << ", turn " << past.size() + i << ": " << now[i];
      }
      for (auto& turn : now) past.push_back(std::move(turn));
      if (random() % 8 == 0) engine->unload_fragment(random() % 2 == 0 ? "a" : "b");
    }
    return engine->stats();
  }

  static inline std::shared_ptr<const Model> oracle_model_;
  static inline std::map<std::string, std::shared_ptr<const Adapter>> oracle_adapters_;
  static inline uint64_t lane_bytes_ = 0;
};

TEST_F(ScheduleTest, EveryAnswerIsThatOfFreshContexts) {
  // As many as 20 seconds take, at least three; AICODER_ENGINE_SCHEDULES=1000 runs so many, AICODER_ENGINE_SEED says from which on.
  const char* const count = std::getenv("AICODER_ENGINE_SCHEDULES");  // NOLINT(concurrency-mt-unsafe): no other thread sets it
  const char* const first = std::getenv("AICODER_ENGINE_SEED");       // NOLINT(concurrency-mt-unsafe): likewise
  const uint32_t wanted = count != nullptr ? static_cast<uint32_t>(std::strtoul(count, nullptr, 10)) : 0;
  const uint32_t seed = first != nullptr ? static_cast<uint32_t>(std::strtoul(first, nullptr, 10)) : 1;
  const auto start = std::chrono::steady_clock::now();
  EngineStats sum;
  uint32_t n = 0;
  while (wanted > 0 ? n < wanted : n < 3 || std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
    const auto stats = run_schedule(*this, seed + n++);
    sum.requests += stats.requests;
    sum.prompt_tokens += stats.prompt_tokens;
    sum.reused_tokens += stats.reused_tokens;
    sum.copied_tokens += stats.copied_tokens;
    sum.copy_ms += stats.copy_ms;
    if (HasFailure()) break;
  }
  std::cout << "[schedules] " << n << ": " << sum.requests << " requests, " << sum.prompt_tokens << " prompt tokens, " << sum.reused_tokens
            << " reused, " << sum.copied_tokens << " of them copied, " << sum.copy_ms << " ms of copies\n";
  EXPECT_GT(sum.reused_tokens, 0u);
  EXPECT_GT(sum.copy_ms, 0);
}

}  // namespace
}  // namespace aicoder
