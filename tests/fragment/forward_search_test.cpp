#include "fragment/forward_search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fragment/seeded_random.h"

namespace aicoder::fragment {
namespace {

/// Squared distance to a target, the coordinates of unequal weight, with noise that two calls of one batch share.
struct Bowl {
  std::vector<double> target;
  double noise = 0;
  size_t calls = 0;

  double operator()(std::span<const double> x, uint64_t batch) {
    ++calls;
    SeededRandom random(batch + 1);
    double sum = noise * static_cast<double>(random.normal());
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_GE(x[i], -1.0);
      EXPECT_LE(x[i], 1.0);
      sum += (1.0 + static_cast<double>(i % 5)) * (x[i] - target[i]) * (x[i] - target[i]);
    }
    return sum;
  }
};

std::vector<double> targets(size_t n) {
  std::vector<double> t;
  for (size_t i = 0; i < n; ++i) t.push_back(0.5 * std::sin(static_cast<double>(i)));
  return t;
}

double distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

TEST(Spsa, ComesNearTheMinimumDespiteTheNoise) {
  Bowl bowl{targets(20), 5.0};
  const std::vector<double> start(20, 0.0);
  const auto found = spsa([&](auto x, auto batch) { return bowl(x, batch); }, start, {.iterations = 800, .spread = 0.2, .seed = 3});
  EXPECT_LT(distance(found, bowl.target), 0.3 * distance(start, bowl.target));
  EXPECT_EQ(bowl.calls, 1600u) << "two values an iteration";
}

TEST(SeparableCmaEs, ComesNearTheMinimum) {
  Bowl bowl{targets(20), 5.0};  // the noise is one number a generation, so it does not change an order
  const std::vector<double> start(20, 0.0);
  const auto found =
      separable_cma_es([&](auto x, auto batch) { return bowl(x, batch); }, start, {.iterations = 120, .spread = 0.2, .seed = 3});
  EXPECT_LT(distance(found, bowl.target), 0.02 * distance(start, bowl.target));
}

TEST(ForwardSearch, StaysWithinTheBounds) {
  Bowl far{std::vector<double>(6, 5.0)};
  const auto f = [&](auto x, auto batch) { return far(x, batch); };
  for (const double v : spsa(f, std::vector<double>(6, 0.0), {.iterations = 300, .spread = 0.2})) EXPECT_GT(v, 0.8);
  for (const double v : separable_cma_es(f, std::vector<double>(6, 0.0), {.iterations = 60, .spread = 0.2})) EXPECT_GT(v, 0.95);
}

TEST(ForwardSearch, IsTheSameForASeed) {
  const auto f = [](std::span<const double> x, uint64_t) { return x[0] * x[0] + x[1]; };
  for (const auto& search : {spsa, separable_cma_es}) {
    const ForwardSearchOptions options{.iterations = 10, .seed = 4};
    EXPECT_EQ(search(f, {0.3, 0.3}, options), search(f, {0.3, 0.3}, options));
    EXPECT_NE(search(f, {0.3, 0.3}, options), search(f, {0.3, 0.3}, {.iterations = 10, .seed = 5}));
  }
}

TEST(ForwardSearch, NothingToDoGivesTheStart) {
  const auto f = [](std::span<const double>, uint64_t) { return 0.0; };
  EXPECT_EQ(spsa(f, {0.3}, {.iterations = 0}), std::vector<double>{0.3});
  EXPECT_TRUE(separable_cma_es(f, {}, {}).empty());
  EXPECT_EQ(spsa(f, {0.3}, {.iterations = 5})[0], 0.3) << "a flat function moves nothing";
}

}  // namespace
}  // namespace aicoder::fragment
