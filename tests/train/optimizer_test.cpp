// AdamW, the schedule, clipping and the regularizers' arithmetic, against formulas in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "train/adamw.h"
#include "train/anchor.h"
#include "train/random.h"

namespace aicoder::test {
namespace {

using namespace train;

TEST(AdamW, FirstStepMovesByTheRateWhateverTheGradient) {
  AdamW optimizer(3);
  std::vector<float> parameters{1, 1, 1};
  optimizer.step(parameters, std::vector<float>{1e-4f, -5, 0}, 0.01, {});
  EXPECT_NEAR(parameters[0], 0.99f, 1e-5f);
  EXPECT_NEAR(parameters[1], 1.01f, 1e-6f);
  EXPECT_EQ(parameters[2], 1);
}

TEST(AdamW, DecayIsApartFromTheGradient) {
  AdamW optimizer(1);
  std::vector<float> parameters{2};
  optimizer.step(parameters, std::vector<float>{0}, 0.1, {.weight_decay = 0.5});
  EXPECT_NEAR(parameters[0], 2 * (1 - 0.1f * 0.5f), 1e-6f);
}

TEST(LearningRate, RisesThenFallsToTheFloor) {
  const Schedule schedule{.rate = 1, .floor = 0.1, .warmup = 4, .steps = 104};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 3), 1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 4), 1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 54), 0.55);
  EXPECT_NEAR(learning_rate(schedule, 103), 0.1, 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 500), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate({.rate = 2, .floor = 1, .warmup = 0, .steps = 1}, 0), 2);
}

TEST(ClipNorm, ScalesToTheLimitAndTellsTheNormBefore) {
  std::vector<float> gradient{3, 4};
  EXPECT_DOUBLE_EQ(clip_norm(gradient, 1), 5);
  EXPECT_NEAR(gradient[0], 0.6f, 1e-6f);
  EXPECT_NEAR(clip_norm(gradient, 0), 1, 1e-6);
  gradient[0] = std::nanf("");
  EXPECT_TRUE(std::isnan(clip_norm(gradient, 1)));
}

LoraLayout one_layer() {
  LoraLayout layout{.rank = 1};
  for (int kind = 0; kind < kLinearKinds; ++kind) {
    LoraSite site{.weight = linear_name(kind), .n_in = 3, .n_out = 2, .rank = 1};
    site.a = layout.n_parameters;
    site.b = site.a + site.a_size();
    layout.n_parameters = site.b + site.b_size();
    layout.sites.push_back(site);
  }
  return layout;
}

TEST(Anchor, GradientIsThatOfThePenalty) {
  Random random(1);
  const size_t n = 20;
  Anchor anchor{.center = std::vector<float>(n), .weight = std::vector<float>(n)};
  std::vector<float> parameters(n), gradient(n), ignored(n);
  for (size_t i = 0; i < n; ++i) {
    anchor.center[i] = random.unit();
    anchor.weight[i] = random.unit();
    parameters[i] = random.unit();
  }
  const double penalty = anchor.add(parameters, gradient);
  EXPECT_GT(penalty, 0);
  for (size_t i = 0; i < n; ++i) {
    std::vector<float> moved = parameters;
    moved[i] += 0.01f;
    const double up = anchor.add(moved, ignored);
    moved[i] -= 0.02f;
    EXPECT_NEAR((up - anchor.add(moved, ignored)) / 0.02, static_cast<double>(gradient[i]), 1e-4);
  }
  EXPECT_EQ(Anchor{}.add(parameters, gradient), 0);
}

TEST(PathIntegral, IsTheWorkOfTheGradientOverTheSquareOfTheChange) {
  const LoraLayout layout = one_layer();
  const std::vector<float> start(layout.n_parameters, 0.0f);
  std::vector<float> middle = start, end = start, gradient(layout.n_parameters, 0.0f);
  middle[0] = 1;
  end[0] = 3;
  end[1] = 1;
  end[2] = -1;
  PathIntegral path(start);
  gradient[0] = -2;  // work 2 * 1
  path.add(gradient, start, middle);
  gradient[0] = -1;  // work 1 * 2
  gradient[1] = 5;   // against the gradient: harmful, so 0
  path.add(gradient, middle, end);
  const auto omega = path.importance(layout, end);
  const double xi = (9.0 + 1 + 1) / 3;
  EXPECT_NEAR(omega[0], 4 / (9 + xi), 1e-6);
  EXPECT_EQ(omega[1], 0);
  EXPECT_EQ(omega[2], 0);
  EXPECT_EQ(omega[5], 0) << "a factor that did not move has no importance";
}

TEST(Importance, IsNormalisedByFactorAndWeighedByLayer) {
  LoraLayout layout = one_layer();
  const LoraLayout second = one_layer();
  for (LoraSite site : second.sites) {
    site.a += layout.n_parameters;
    site.b += layout.n_parameters;
    layout.sites.push_back(site);
  }
  layout.n_parameters *= 2;
  std::vector<float> omega(layout.n_parameters, 1.0f);
  for (size_t i = layout.n_parameters / 2; i < omega.size(); ++i) omega[i] = 3;
  const auto lambda = layer_coefficients(layout, omega);
  ASSERT_EQ(lambda.size(), 2u);
  EXPECT_NEAR(lambda[0], 0.5, 1e-9);
  EXPECT_NEAR(lambda[1], 1.5, 1e-9);
  omega[0] = 4;
  normalise_by_factor(layout, omega);
  EXPECT_NEAR(omega[0], 2, 1e-6);
  EXPECT_NEAR(omega[1], 0.5, 1e-6);
  EXPECT_NEAR(omega.back(), 1, 1e-6);
}

}  // namespace
}  // namespace aicoder::test
