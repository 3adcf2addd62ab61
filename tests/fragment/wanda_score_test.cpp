#include "aicoder/fragment.h"

#include <gtest/gtest.h>

#include <limits>

#include "fragment/oracle.h"
#include "fragment/seeded_values.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(WandaScore, IsMagnitudeTimesNormOfTheInput) {
  const std::vector<float> weight = {1.0f, -2.0f, 0.5f, 3.0f};
  const std::vector<float> norm = {10.0f, 0.5f};
  EXPECT_EQ(wanda_score(weight, norm), (std::vector<float>{10.0f, 1.0f, 5.0f, 1.5f}));
}

TEST(WandaScore, ZeroActivationGivesZeroImportance) {
  const auto score = wanda_score(std::vector<float>{100.0f, 1.0f}, std::vector<float>{0.0f, 1.0f});
  EXPECT_EQ(score, (std::vector<float>{0.0f, 1.0f}));
}

TEST(WandaScore, AgreesWithNumpy) {
  const size_t n_out = 37, n_in = 64;
  const auto weight = test::normal_values(n_out * n_in, 1), norm = test::norm_values(n_in, 2);
  test::TempDir dir;
  test::write_raw(dir / "weight", weight);
  test::write_raw(dir / "norm", norm);
  test::run_oracle({"score", dir.path(), "37", "64"});
  EXPECT_EQ(wanda_score(weight, norm), test::read_raw<float>(dir / "score"));
}

TEST(WandaScore, RefusesSizesThatDisagree) {
  EXPECT_ERROR(wanda_score(std::vector<float>(7), std::vector<float>(2)), ErrorCode::kInvalidArgument, "rows of 2 inputs, found 7");
  EXPECT_ERROR(wanda_score(std::vector<float>(7), std::vector<float>()), ErrorCode::kInvalidArgument, "rows of 0 inputs");
}

TEST(WandaScore, RefusesNormsThatAreNegativeOrNotFinite) {
  for (const float bad : {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    EXPECT_ERROR(wanda_score(std::vector<float>(4), std::vector<float>{1.0f, bad}), ErrorCode::kInvalidArgument, "norm of input 1");
  }
}

}  // namespace
}  // namespace aicoder
