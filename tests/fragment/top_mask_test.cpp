#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "aicoder/fragment.h"
#include "fragment/oracle.h"
#include "fragment/seeded_values.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(TopMask, KeepsTheLargestOfEachRow) {
  const std::vector<float> score = {1, 4, 2, 3, 9, 8, 7, 6};
  EXPECT_EQ(top_mask(score, 4, 0.5), (std::vector<bool>{false, true, false, true, true, true, false, false}));
}

TEST(TopMask, KeepsExactlyKPerRowWhateverTheScores) {
  std::mt19937 engine(7);
  for (const size_t n_in : {1u, 2u, 31u, 96u, 200u}) {
    for (const double keep : {0.01, 0.2, 0.5, 0.99, 1.0}) {
      std::vector<float> score(5 * n_in);
      for (float& s : score) s = static_cast<float>(engine() % 4);  // full of ties
      const auto mask = top_mask(score, n_in, keep);
      const auto k = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(keep * static_cast<double>(n_in)));
      for (size_t row = 0; row < 5; ++row) {
        const auto first = mask.begin() + static_cast<std::ptrdiff_t>(row * n_in);
        EXPECT_EQ(std::count(first, first + static_cast<std::ptrdiff_t>(n_in), true), k) << n_in << " inputs, keep " << keep;
      }
    }
  }
}

TEST(TopMask, TiesGoToTheLowerColumn) {
  EXPECT_EQ(top_mask(std::vector<float>{1, 2, 1, 1}, 4, 0.5), (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(top_mask(std::vector<float>(4, 0.0f), 4, 0.25), (std::vector<bool>{true, false, false, false}));
}

TEST(TopMask, OrdersZerosOfBothSignsAndInfinity) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(top_mask(std::vector<float>{-0.0f, 0.0f, inf, 1e-40f}, 4, 0.75), (std::vector<bool>{true, false, true, true}));
}

TEST(TopMask, AgreesWithNumpy) {
  auto score = test::norm_values(2760, 3);
  for (size_t i = 0; i < score.size(); i += 3) score[i] = score[0];  // ties
  test::TempDir dir;
  test::write_raw(dir / "score", score);
  test::run_oracle({"mask", dir.path(), "23", "120", "0.2"});
  const auto expected = test::read_raw<uint8_t>(dir / "mask");
  const auto mask = top_mask(score, 120, 0.2);
  ASSERT_EQ(mask.size(), expected.size());
  for (size_t i = 0; i < mask.size(); ++i) EXPECT_EQ(mask[i], expected[i] != 0) << i;
}

TEST(TopMask, RefusesKeepOutsideItsRange) {
  for (const double keep : {0.0, -0.1, 1.01, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_ERROR(top_mask(std::vector<float>(4), 4, keep), ErrorCode::kInvalidArgument, "keep: expected a share in (0, 1]");
  }
}

TEST(TopMask, RefusesSizesThatDisagreeAndScoresThatAreNoNumbers) {
  EXPECT_ERROR(top_mask(std::vector<float>(5), 2, 0.2), ErrorCode::kInvalidArgument, "rows of 2, found 5");
  EXPECT_ERROR(top_mask(std::vector<float>(5), 0, 0.2), ErrorCode::kInvalidArgument, "rows of 0");
  EXPECT_ERROR(top_mask(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}, 2, 0.2), ErrorCode::kInvalidArgument,
               "not a number");
}

}  // namespace
}  // namespace aicoder
