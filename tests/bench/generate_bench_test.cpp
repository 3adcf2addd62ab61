// With the real model; speeds are not asserted, only that both sides did the work they are credited with.
#include <gtest/gtest.h>

#include <fstream>

#include "aicoder/bench.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

/// A peer that prints what llama-bench prints and keeps its arguments.
std::filesystem::path fake_peer(const test::TempDir& dir, const std::string& body) {
  const auto path = dir / "llama-bench";
  std::ofstream(path) << "#!/bin/sh\necho \"$@\" >> " << (dir / "calls").string() << "\n" << body << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

TEST(GenerateBench, MeasuresBothSidesEachRound) {
  const test::TempDir dir;
  const auto peer = fake_peer(dir, R"(echo '[{"n_prompt": 32, "avg_ts": 100}, {"n_prompt": 0, "avg_ts": 10}]')");
  const auto result = run_generate_bench({.model = test::require_model("smollm2-135m"),
                                          .prompt_tokens = 32,
                                          .generated_tokens = 8,
                                          .rounds = 3,
                                          .n_threads = 2,
                                          .peer = peer});
  ASSERT_EQ(result.rounds.size(), 3u);
  for (const auto& round : result.rounds) {
    EXPECT_GT(round.prefill_tokens_per_s, 0);
    EXPECT_GT(round.decode_tokens_per_s, 0);
    EXPECT_EQ(round.peer_prefill_tokens_per_s, 100);
  }
  ASSERT_TRUE(result.peer.has_value());
  EXPECT_EQ(result.peer->decode_tokens_per_s, 10);
  EXPECT_DOUBLE_EQ(result.peer->decode_ratio.median, result.decode_tokens_per_s / 10);
  EXPECT_LE(result.peer->prefill_ratio.min, result.peer->prefill_ratio.median);
  const std::string calls = read_file(dir / "calls");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'), 3);
  EXPECT_NE(calls.find("-p 32 -n 8 -r 1 -t 2"), std::string::npos) << calls;
}

TEST(GenerateBench, WithoutAPeerSaysSo) {
  const auto result = run_generate_bench(
      {.model = test::require_model("smollm2-135m"), .prompt_tokens = 16, .generated_tokens = 4, .rounds = 1, .with_peer = false});
  EXPECT_FALSE(result.peer.has_value());
  EXPECT_GT(result.decode_tokens_per_s, 0);
}

TEST(GenerateBench, LookupAnswersTheSameTasksWithAndWithout) {
  const auto result = run_generate_bench({.model = test::require_model("smollm2-135m"),
                                          .prompt_tokens = 8,
                                          .generated_tokens = 48,
                                          .rounds = 1,
                                          .n_threads = 1,
                                          .lookup_tokens = 8,
                                          .with_peer = false});
  ASSERT_EQ(result.lookup.size(), 2u);
  EXPECT_EQ(result.lookup[0].task, "edit");
  EXPECT_GT(result.lookup[0].accepted_tokens, 8u) << "a file that is written again repeats itself";
  for (const auto& task : result.lookup) {
    EXPECT_GT(task.tokens, 0u);
    EXPECT_LE(task.accepted_tokens, task.drafted_tokens);
    EXPECT_GT(task.ratio.median, 0);
  }
}

TEST(GenerateBench, AFailingPeerIsNamedWithWhatItSaid) {
  const test::TempDir dir;
  const auto peer = fake_peer(dir, "echo 'no such model' >&2; exit 3");
  EXPECT_ERROR(run_generate_bench({.model = test::require_model("smollm2-135m"), .prompt_tokens = 8, .generated_tokens = 2, .peer = peer}),
               ErrorCode::kInternal, "ended with 3: no such model");
}

}  // namespace
}  // namespace aicoder
