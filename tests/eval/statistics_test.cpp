#include <algorithm>
#include <cmath>
#include <map>

#include "aicoder/eval.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

// Literals: Python's statistics.NormalDist and fractions.Fraction, with the formula of the paper written out again.
TEST(Wilson, AgreesWithAnIndependentComputation) {
  const auto interval = wilson_interval(87, 164);
  EXPECT_NEAR(interval[0], 0.4542845926725055, 1e-12);
  EXPECT_NEAR(interval[1], 0.605295442381188, 1e-12);
  const auto small = wilson_interval(3, 5);
  EXPECT_NEAR(small[0], 0.23072428127601297, 1e-12);
  EXPECT_NEAR(small[1], 0.8823792257673521, 1e-12);
}

TEST(Wilson, BoundsSolveTheScoreEquation) {
  const double z = 1.959963984540054;
  for (const size_t n : {1, 7, 40, 164, 974}) {
    for (size_t passed = 1; passed < n; passed += 1 + n / 9) {
      const double p = static_cast<double>(passed) / static_cast<double>(n);
      for (const double bound : wilson_interval(passed, n)) {
        EXPECT_NEAR((p - bound) * (p - bound), z * z * bound * (1 - bound) / static_cast<double>(n), 1e-12);
      }
    }
  }
}

TEST(Wilson, EndsAreExactAtNoneAndAll) {
  EXPECT_EQ(wilson_interval(0, 10)[0], 0.0);
  EXPECT_NEAR(wilson_interval(0, 10)[1], 0.27753279986288915, 1e-12);
  EXPECT_EQ(wilson_interval(10, 10)[1], 1.0);
  EXPECT_EQ(wilson_interval(0, 0), (std::array<double, 2>{0.0, 1.0}));
}

TEST(Wilson, MorePassedThanTriedIsRefused) { EXPECT_ERROR(wilson_interval(3, 2), ErrorCode::kInvalidArgument, "passed is 3 of 2"); }

TEST(McNemar, AgreesWithExactFractions) {
  EXPECT_NEAR(mcnemar_exact(26, 12), 0.03355243967962451, 1e-12);  // the p = 0.034 of the design's own probe
  EXPECT_NEAR(mcnemar_exact(0, 5), 0.0625, 1e-14);
  EXPECT_NEAR(mcnemar_exact(1, 9), 0.021484375, 1e-14);
  EXPECT_NEAR(mcnemar_exact(600, 700), 0.0060157938610449525, 1e-11);
  EXPECT_NEAR(mcnemar_exact(1000, 1400) / 3.2622028367507764e-16, 1.0, 1e-8);  // 2^-2400 itself underflows
}

TEST(McNemar, IsSymmetricAndNeverAboveOne) {
  for (size_t a = 0; a < 12; ++a) {
    for (size_t b = 0; b < 12; ++b) {
      EXPECT_DOUBLE_EQ(mcnemar_exact(a, b), mcnemar_exact(b, a));
      EXPECT_LE(mcnemar_exact(a, b), 1.0);
    }
  }
  EXPECT_EQ(mcnemar_exact(0, 0), 1.0);
  EXPECT_EQ(mcnemar_exact(0, 1), 1.0);
}

TEST(PassAtK, AgreesWithExactBinomials) {
  EXPECT_NEAR(pass_at_k(5, 2, 1), 0.4, 1e-14);
  EXPECT_NEAR(pass_at_k(10, 3, 5), 0.9166666666666666, 1e-14);
  EXPECT_NEAR(pass_at_k(200, 13, 100), 0.9999194971988055, 1e-12);
  EXPECT_EQ(pass_at_k(4, 4, 2), 1.0);
  EXPECT_EQ(pass_at_k(4, 0, 4), 0.0);
}

TEST(PassAtK, ImpossibleCountsAreRefused) {
  EXPECT_ERROR(pass_at_k(5, 2, 0), ErrorCode::kInvalidArgument, "k 0");
  EXPECT_ERROR(pass_at_k(5, 2, 6), ErrorCode::kInvalidArgument, "k 6");
  EXPECT_ERROR(pass_at_k(5, 6, 1), ErrorCode::kInvalidArgument, "c 6");
}

// The exact law of the resampled sum, by convolution: what 10,000 draws must come close to.
std::array<double, 2> exact_interval(const std::vector<int>& differences) {
  std::map<int, double> one;
  for (const int d : differences) one[d] += 1.0 / static_cast<double>(differences.size());
  std::map<int, double> sum = {{0, 1.0}};
  for (size_t i = 0; i < differences.size(); ++i) {
    std::map<int, double> next;
    for (const auto& [s, p] : sum) {
      for (const auto& [d, q] : one) next[s + d] += p * q;
    }
    sum = std::move(next);
  }
  const auto at = [&](double level) {
    double below = 0;
    for (const auto& [s, p] : sum) {
      below += p;
      if (below >= level) return static_cast<double>(s) / static_cast<double>(differences.size());
    }
    return 1.0;
  };
  return {at(0.025), at(0.975)};
}

TEST(PairedBootstrap, ComesWithinOneTaskOfTheExactLaw) {
  std::vector<int> differences(164, 0);
  std::fill_n(differences.begin(), 26, -1);
  std::fill_n(differences.begin() + 26, 12, 1);
  const auto interval = paired_bootstrap_interval(differences);
  const auto exact = exact_interval(differences);
  EXPECT_NEAR(interval[0], exact[0], 1.01 / 164);
  EXPECT_NEAR(interval[1], exact[1], 1.01 / 164);
  EXPECT_LT(interval[1], 0.0);  // 26 lost, 12 won: the interval excludes 0
}

TEST(PairedBootstrap, IsTheSameEveryTime) {
  const std::vector<int> differences = {1, 0, -1, 0, 1, 1, 0};
  EXPECT_EQ(paired_bootstrap_interval(differences), paired_bootstrap_interval(differences));
  EXPECT_NE(paired_bootstrap_interval(differences, 10'000, 1), paired_bootstrap_interval(differences, 50, 2));
}

TEST(PairedBootstrap, IsAPointWhereNothingVaries) {
  EXPECT_EQ(paired_bootstrap_interval(std::vector<int>(20, 0)), (std::array<double, 2>{0.0, 0.0}));
  EXPECT_EQ(paired_bootstrap_interval(std::vector<int>(20, 1)), (std::array<double, 2>{1.0, 1.0}));
  EXPECT_EQ(paired_bootstrap_interval({}), (std::array<double, 2>{0.0, 0.0}));
}

// Oracle: the delta method for a ratio of sums, which the bootstrap approaches with many windows.
TEST(PairedRatio, AgreesWithTheDeltaMethod) {
  std::vector<double> off, on;
  for (int i = 0; i < 400; ++i) {
    off.push_back(100 + 30 * std::sin(i * 1.7));
    on.push_back(off.back() * 0.99 + 4 * std::cos(i * 2.3));
  }
  double sum_off = 0, sum_on = 0;
  for (size_t i = 0; i < off.size(); ++i) sum_off += off[i], sum_on += on[i];
  const double ratio = sum_on / sum_off;
  double variance = 0;
  for (size_t i = 0; i < off.size(); ++i) variance += std::pow(on[i] - ratio * off[i], 2);
  const double half = 1.959964 * std::sqrt(variance) / sum_off;
  const auto interval = paired_ratio_interval(off, on);
  EXPECT_NEAR(interval[0], ratio - 1 - half, 0.1 * half);
  EXPECT_NEAR(interval[1], ratio - 1 + half, 0.1 * half);
  EXPECT_LT(interval[1], 0.0);
}

TEST(PairedRatio, IsAPointWhereAllWindowsMoveAlike) {
  const std::vector<double> off = {1, 2, 3}, on = {1.5, 3, 4.5};
  EXPECT_EQ(paired_ratio_interval(off, on), (std::array<double, 2>{0.5, 0.5}));
  EXPECT_EQ(paired_ratio_interval({}, {}), (std::array<double, 2>{0.0, 0.0}));
  EXPECT_ERROR(paired_ratio_interval(off, std::span(on).first(2)), ErrorCode::kInvalidArgument, "windows");
}

// Worked out by hand: (1.959964 sqrt(psi) + 0.841621 sqrt(psi - d^2))^2 / d^2.
TEST(PairedSampleSize, IsThatOfConnorsFormula) {
  EXPECT_EQ(paired_sample_size(0.1, 0.3), 234u);     // (1.073517 + 0.453224)^2 / 0.01 = 233.09
  EXPECT_EQ(paired_sample_size(0.03, 0.12), 1045u);  // 1044.16
  EXPECT_GT(paired_sample_size(0.03, 0.12, 0.9), paired_sample_size(0.03, 0.12));
  EXPECT_ERROR(paired_sample_size(0.2, 0.1), ErrorCode::kInvalidArgument, "effect <= discordant");
  EXPECT_ERROR(paired_sample_size(0.0, 0.1), ErrorCode::kInvalidArgument, "0 < effect");
  EXPECT_ERROR(paired_sample_size(0.1, 0.2, 1.0), ErrorCode::kInvalidArgument, "power");
}

TEST(DetectableEffect, IsTheInverseOfTheSampleSize) {
  const double effect = detectable_effect(234, 0.3);
  EXPECT_NEAR(effect, 0.1, 1e-3);
  EXPECT_LE(paired_sample_size(effect, 0.3), 234u);
  EXPECT_GT(paired_sample_size(effect * 0.99, 0.3), 234u);
  EXPECT_EQ(detectable_effect(5, 0.2), 1) << "one discordant pair of five shows nothing";
  EXPECT_EQ(detectable_effect(0, 0.2), 1);
  EXPECT_ERROR(detectable_effect(10, 0.0), ErrorCode::kInvalidArgument, "discordant");
}

// Worked out by hand from the ranks: 8 / sqrt(10 * 9.5), -1, 8 / 16.
TEST(Spearman, IsThatOfTheRanksAlsoOnTies) {
  const std::vector<double> x = {1, 2, 3, 4, 5};
  EXPECT_NEAR(spearman(x, std::vector<double>{5, 6, 7, 8, 7}), 0.8207826816681233, 1e-12);
  EXPECT_NEAR(spearman(x, std::vector<double>{10, 8, 6, 4, 2}), -1.0, 1e-12);
  EXPECT_NEAR(spearman(std::vector<double>{1, 1, 2, 2, 3, 3}, std::vector<double>{2, 1, 1, 3, 3, 2}), 0.5, 1e-12);
  EXPECT_EQ(spearman(x, std::vector<double>{7, 7, 7, 7, 7}), 0) << "one side does not vary";
  EXPECT_EQ(spearman(std::vector<double>{}, std::vector<double>{}), 0);
}

TEST(Correlate, TellsAnOrderFromChance) {
  std::vector<double> x, same, mixed;
  for (int i = 0; i < 12; ++i) {
    x.push_back(i);
    same.push_back(2.0 * i * i);
    mixed.push_back((i * 7) % 12);
  }
  const Correlation ordered = correlate(x, same);
  EXPECT_EQ(ordered.n, 12u);
  EXPECT_NEAR(ordered.rho, 1, 1e-12);
  EXPECT_NEAR(ordered.ci95[0], 1, 1e-9);
  EXPECT_LT(ordered.p_value, 0.001);
  const Correlation chance = correlate(x, mixed);
  EXPECT_GT(chance.p_value, 0.2);
  EXPECT_LT(chance.ci95[0], 0);
  EXPECT_GT(chance.ci95[1], 0);
  EXPECT_EQ(correlate(x, mixed).p_value, chance.p_value) << "same draws each time";
  // All 24 orders of 4: two of them are as far from 0 as a perfect one.
  EXPECT_NEAR(correlate(std::vector<double>{1, 2, 3, 4}, std::vector<double>{1, 2, 3, 4}).p_value, 2.0 / 24, 0.01);
}

TEST(Correlate, RefusesSidesThatDoNotPairUp) {
  EXPECT_ERROR(correlate(std::vector<double>{1, 2}, std::vector<double>{1}), ErrorCode::kInvalidArgument, "found 2 and 1");
  EXPECT_ERROR(correlate(std::vector<double>{1, 2}, std::vector<double>{1, NAN}), ErrorCode::kInvalidArgument, "not finite");
}

}  // namespace
}  // namespace aicoder
