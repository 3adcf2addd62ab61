#include "model/log_softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace aicoder {
namespace {

std::vector<float> random_logits(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 5);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

TEST(ArgMax, AgreesWithTheStandardLibraryAtEverySize) {
  for (size_t n = 1; n < 100; ++n) {
    const auto logits = random_logits(n, static_cast<uint32_t>(n));
    EXPECT_EQ(arg_max(logits), static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin())) << n;
  }
}

TEST(ArgMax, TakesTheFirstOfEqualsAndNeverNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(arg_max(std::vector<float>{1, 3, 3, 2}), 1u);
  EXPECT_EQ(arg_max(std::vector<float>{nan, -5, nan, -4}), 3u);
  EXPECT_EQ(arg_max(std::vector<float>{nan, nan}), 0u);
}

TEST(LogSoftmaxRow, AgreesWithLongDouble) {
  const auto logits = random_logits(5000, 7);
  long double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<long double>(logit));
  for (size_t i : {size_t{0}, size_t{17}, size_t{4999}}) {
    EXPECT_NEAR(LogSoftmax(logits).of(logits[i]), static_cast<double>(static_cast<long double>(logits[i]) - std::log(sum)), 1e-6);
  }
}

TEST(LogSoftmaxRow, DoesNotOverflow) {
  EXPECT_NEAR(LogSoftmax(std::vector<float>{1e30f, 1e30f}).of(1e30f), std::log(0.5), 1e-12);
  EXPECT_NEAR(LogSoftmax(std::vector<float>{-1e30f, -1e30f}).of(-1e30f), std::log(0.5), 1e-12);
}

TEST(TopIndices, BestFirstEqualsInIndexOrder) {
  EXPECT_EQ(top_indices(std::vector<float>{1, 5, 5, 9, 0}, 3), (std::vector<size_t>{3, 1, 2}));
  EXPECT_EQ(top_indices(std::vector<float>{1, 2}, 10), (std::vector<size_t>{1, 0}));
}

TEST(TopIndices, NaNComesLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(top_indices(std::vector<float>{nan, 1, nan, 2}, 2), (std::vector<size_t>{3, 1}));
}

}  // namespace
}  // namespace aicoder
