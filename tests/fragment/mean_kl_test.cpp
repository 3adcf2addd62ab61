#include <gtest/gtest.h>

#include <cmath>

#include "aicoder/fragment.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

TEST(MeanKl, IsThatOfTheDistributions) {
  // softmax of logs is the distribution: KL of (1/2, 1/2) to (1/4, 3/4), and of a row to itself.
  const auto log_of = [](double p) { return static_cast<float>(std::log(p)); };
  const std::vector<float> base = {log_of(0.5), log_of(0.5), 1.0f, 2.0f}, changed = {log_of(0.25), log_of(0.75), 1.0f, 2.0f};
  const double expected = 0.5 * std::log(0.5 / 0.25) + 0.5 * std::log(0.5 / 0.75);
  EXPECT_NEAR(mean_kl(base, changed, 2), expected / 2, 1e-6);
  EXPECT_EQ(mean_kl(base, base, 2), 0.0);
}

TEST(MeanKl, ShiftsOfALogitRowChangeNothing) {
  const std::vector<float> base = {1, 2, 3}, shifted = {101, 102, 103};
  EXPECT_NEAR(mean_kl(base, shifted, 3), 0.0, 1e-6);
}

TEST(MeanKl, SizesThatDisagreeAreRefused) {
  const std::vector<float> four(4), six(6);
  EXPECT_ERROR(mean_kl(four, six, 2), ErrorCode::kInvalidArgument, "mean_kl");
  EXPECT_ERROR(mean_kl(four, four, 3), ErrorCode::kInvalidArgument, "mean_kl");
  EXPECT_ERROR(mean_kl(four, four, 0), ErrorCode::kInvalidArgument, "mean_kl");
}

}  // namespace
}  // namespace aicoder
