// With the real model; speeds are not asserted, only that both sides did the same work.
#include <gtest/gtest.h>

#include "aicoder/bench.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(TrainBench, BothSidesReadTheSameTextAndFindTheSameLoss) {
  const auto result = run_train_bench({.model = test::require_model("smollm2-135m"), .n_ctx = 64, .rank = 4, .rounds = 1, .n_threads = 1});
  ASSERT_EQ(result.rounds.size(), 1u);
  EXPECT_GT(result.prefill_tokens_per_s, 0);
  EXPECT_GT(result.train_tokens_per_s, 0);
  EXPECT_NEAR(result.share.median, result.train_tokens_per_s / result.prefill_tokens_per_s, 1e-9);
  EXPECT_NEAR(result.train_loss, result.engine_loss, 0.03 * result.engine_loss);
  EXPECT_GT(result.peak_bytes, size_t{100} << 20);
}

TEST(TrainBench, SizesThatMeasureNothingAreRefused) {
  EXPECT_ERROR(run_train_bench({.model = "x.gguf", .n_ctx = 8}), ErrorCode::kInvalidArgument, "at least 32 tokens");
  EXPECT_ERROR(run_train_bench({.model = "x.gguf", .steps = 1}), ErrorCode::kInvalidArgument, "2 steps");
}

}  // namespace
}  // namespace aicoder
