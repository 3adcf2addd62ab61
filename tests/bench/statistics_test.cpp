#include "bench/statistics.h"

#include <gtest/gtest.h>

namespace aicoder {
namespace {

TEST(BenchMedian, OddCountGivesTheMiddle) { EXPECT_EQ(median({5, 1, 3}), 3); }

TEST(BenchMedian, EvenCountGivesTheMeanOfTheMiddle) { EXPECT_EQ(median({4, 1, 3, 100}), 3.5); }

TEST(BenchMedian, NothingGivesZero) { EXPECT_EQ(median({}), 0); }

TEST(BenchRatios, AreOfRoundsNotOfMedians) {
  // Round 1 ran under load on both sides: its ratio is what counts.
  const RatioSummary ratios = summarize_ratios({10, 100, 90}, {20, 100, 100});
  EXPECT_DOUBLE_EQ(ratios.median, 0.9);
  EXPECT_DOUBLE_EQ(ratios.min, 0.5);
  EXPECT_DOUBLE_EQ(ratios.max, 1.0);
}

}  // namespace
}  // namespace aicoder
