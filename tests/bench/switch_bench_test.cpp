// With the real model; times are not asserted, only that what was timed is what it is called.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aicoder/bench.h"
#include "bench/made_fragments.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(SwitchBench, MeasuresEveryPartOnTheRealModel) {
  const test::TempDir dir;
  SwitchBenchOptions options{.model = test::require_model("smollm2-135m"),
                             .context_tokens = 300,
                             .generated_tokens = 8,
                             .rounds = 4,
                             .n_threads = 1,
                             .raw = dir / "raw.jsonl"};
  double done = 0, total = 0;
  options.progress = [&](const Progress& progress) {
    if (progress.stage == "bench switch") done = progress.done, total = progress.total;
  };
  const auto result = run_switch_bench(options);
  EXPECT_EQ(done, total);
  EXPECT_TRUE(result.identical);
  EXPECT_EQ(result.stay_ms.n, 8u);
  EXPECT_EQ(result.change_ms.n, 8u);
  EXPECT_GT(result.stay_ms.p50, 0);
  EXPECT_GE(result.change_ms.p99, result.change_ms.p50);

  ASSERT_EQ(result.entries.size(), 3u);  // 250 of 250, 250 of 300, 300 of 300, and the turn that its source has too
  EXPECT_EQ(result.entries[1].wanted, 250u);
  EXPECT_EQ(result.entries[1].source, 316u);
  EXPECT_EQ(result.entries[2].wanted, 300u);
  for (const auto& entry : result.entries) {
    EXPECT_EQ(entry.reread, 0u) << entry.wanted << " of " << entry.source;
    EXPECT_GT(entry.copy_ms.median, 0);
    EXPECT_GT(entry.make_ms.median, 0);
  }
  EXPECT_EQ(result.copy_ms, result.entries[2].copy_ms.median);

  ASSERT_EQ(result.turns.size(), 3u);
  size_t sum = 0;
  for (const auto& turn : result.turns) {
    EXPECT_EQ(turn.context_reread, 0u) << turn.role;
    EXPECT_GT(turn.reprefilled_tokens, 0u);
    EXPECT_LE(turn.reprefilled_tokens, turn.after_invocation) << turn.role;
    sum += turn.reprefilled_tokens;
  }
  EXPECT_EQ(result.turns[0].after_invocation, 24u);
  EXPECT_EQ(result.turns[1].after_invocation, 24u + 32 + 24);
  EXPECT_EQ(result.reprefilled_tokens, sum);

  EXPECT_EQ(result.fragment_file_bytes > 0, true);
  EXPECT_NEAR(static_cast<double>(result.bytes_per_fragment), static_cast<double>(result.fragment_file_bytes),
              0.1 * static_cast<double>(result.fragment_file_bytes));
  EXPECT_GT(result.bytes_per_lane, 0u);
  EXPECT_GT(result.resident_bytes_added, static_cast<int64_t>(result.bytes_per_fragment));
  EXPECT_LT(result.resident_bytes_left, result.resident_bytes_added / 2);

  EXPECT_GT(result.fragment_ratio.median, 0);
  EXPECT_GT(result.alternating_ratio.median, 0);

  std::map<std::string, size_t> lines;
  for_each_line(options.raw, [&](size_t, std::string_view line) { ++lines[nlohmann::json::parse(line)["measure"]]; });
  EXPECT_EQ(lines["first_token"], 16u);
  EXPECT_EQ(lines["entry"], 9u);
  EXPECT_EQ(lines["turn"], 3u);
  EXPECT_EQ(lines["memory"], 1u);
  EXPECT_EQ(lines["decode"], 3u);
  EXPECT_EQ(lines["identical"], 5u);
}

TEST(SwitchBench, AStopLeavesNoRawFile) {
  const test::TempDir dir;
  std::stop_source stop;
  SwitchBenchOptions options{.model = test::require_model("smollm2-135m"), .context_tokens = 64, .rounds = 1000, .n_threads = 1};
  options.raw = dir / "raw.jsonl";
  options.progress = [&](const Progress& progress) {
    if (progress.stage == "bench switch" && progress.done >= 2) stop.request_stop();
  };
  options.stop = stop.get_token();
  EXPECT_ERROR(run_switch_bench(options), ErrorCode::kCancelled, "");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(SwitchBench, RefusesWhatCannotBeMeasured) {
  const auto model = test::require_model("smollm2-135m");
  EXPECT_ERROR(run_switch_bench({.model = model, .rounds = 0}), ErrorCode::kInvalidArgument, "rounds is 0");
  EXPECT_ERROR(run_switch_bench({.model = model, .context_tokens = 10}), ErrorCode::kInvalidArgument,
               "context_tokens is 10, expected at least 64");
  EXPECT_ERROR(run_switch_bench({.model = model, .generated_tokens = 1}), ErrorCode::kInvalidArgument, "generated_tokens is 1");
  EXPECT_ERROR(run_switch_bench({.model = model, .context_tokens = 100000}), ErrorCode::kInvalidArgument, "for this model");
  EXPECT_ERROR(run_switch_bench({.model = model, .fragments = {"/no/such.gguf"}}), ErrorCode::kNotFound, "no fragment at /no/such.gguf");
  EXPECT_ERROR(run_switch_bench({.model = model, .raw = "/no/such/folder/raw.jsonl"}), ErrorCode::kNotFound, "/no/such/folder");
}

}  // namespace
}  // namespace aicoder
