#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <random>

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

TEST(BenchQuantile, IsTheSmallestValueThatTheShareDoesNotPass) {
  std::vector<double> values;
  for (int i = 1; i <= 100; ++i) values.push_back(101 - i);
  EXPECT_EQ(quantile(values, 0.5), 50);
  EXPECT_EQ(quantile(values, 0.99), 99);
  EXPECT_EQ(quantile(values, 1), 100);
  EXPECT_EQ(quantile({7}, 0.01), 7);
  EXPECT_EQ(quantile({}, 0.5), 0);
  const auto both = quantiles(values);
  EXPECT_EQ(both.p50, 50);
  EXPECT_EQ(both.p99, 99);
  EXPECT_EQ(both.n, 100u);
}

TEST(BenchInterval, HoldsTheMedianAndNarrowsWithTheSpread) {
  const auto narrow = interval({10, 10.1, 9.9, 10.05, 9.95, 10}), wide = interval({10, 15, 5, 12, 8, 10});
  EXPECT_DOUBLE_EQ(narrow.median, 10);
  EXPECT_LE(narrow.low, narrow.median);
  EXPECT_GE(narrow.high, narrow.median);
  EXPECT_LT(narrow.high - narrow.low, wide.high - wide.low);
  const auto same = interval({3, 3, 3});
  EXPECT_EQ(same.low, 3);
  EXPECT_EQ(same.high, 3);
  EXPECT_EQ(interval({}).high, 0);
}

TEST(BenchInterval, CoversTheTrueMedianAsOftenAsItSays) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(5, 1);
  int covered = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<double> values(25);
    for (double& value : values) value = normal(random);
    const auto found = interval(values);
    covered += found.low <= 5 && 5 <= found.high ? 1 : 0;
  }
  EXPECT_GE(covered, 180);  // 190 are expected
}

}  // namespace
}  // namespace aicoder
