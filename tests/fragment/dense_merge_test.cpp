#include "fragment/dense_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/error_matcher.h"

namespace aicoder {
namespace {

using fragment::dare_drop;
using fragment::ties_merge;

TEST(Ties, TrimsElectsTheSignOfTheSumAndAveragesThoseOfThatSign) {
  //  trimmed at 3 of 4:     {4, -1, -3, .}   {2, ., 5, -6}   {., -2, 1, 3}
  //  sums:                   6, -3, 3, -3
  const auto merged = ties_merge({{4, -1, -3, 0.5f}, {2, 0.1f, 5, -6}, {-0.5f, -2, 1, 3}}, 0.75);
  EXPECT_EQ(merged, (std::vector<float>{3, -1.5f, 3, -6}));
}

TEST(Ties, EntriesThatCancelBecomeZero) { EXPECT_EQ(ties_merge({{2, 1}, {-2, 1}}, 1.0), (std::vector<float>{0, 1})); }

TEST(Ties, ZerosNeitherVoteNorCount) { EXPECT_EQ(ties_merge({{0, 3}, {2, 0}, {4, 0}}, 1.0), (std::vector<float>{3, 3})); }

TEST(Ties, OfOneDeltaIsItsTrim) { EXPECT_EQ(ties_merge({{1, -4, 2, 0.5f}}, 0.5), (std::vector<float>{0, -4, 2, 0})); }

TEST(Ties, RefusesWhatIsNoNumberAndNoShare) {
  EXPECT_ERROR(ties_merge({{1, std::numeric_limits<float>::quiet_NaN()}}, 0.5), ErrorCode::kInvalidArgument, "not a number");
  EXPECT_ERROR(ties_merge({{1, 2}}, 0.0), ErrorCode::kInvalidArgument, "share in (0, 1]");
}

TEST(Dare, DropsAboutItsShareAndRescalesTheRest) {
  std::vector<float> delta(20000, 3.0f);
  dare_drop(delta, 0.75, 7);
  const auto dropped = std::ranges::count(delta, 0.0f), kept = std::ranges::count(delta, 12.0f);
  EXPECT_EQ(dropped + kept, 20000);
  EXPECT_NEAR(static_cast<double>(dropped) / 20000, 0.75, 0.015) << "five standard deviations";
}

TEST(Dare, IsDeterministicForASeedAndChangesNothingAtZero) {
  std::vector<float> first(100, 1.0f), again = first, other = first, all = first;
  dare_drop(first, 0.5, 1);
  dare_drop(again, 0.5, 1);
  dare_drop(other, 0.5, 2);
  dare_drop(all, 0.0, 1);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  EXPECT_EQ(all, std::vector<float>(100, 1.0f));
}

}  // namespace
}  // namespace aicoder
