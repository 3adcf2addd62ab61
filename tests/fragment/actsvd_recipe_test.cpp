#include <gtest/gtest.h>

#include <cmath>

#include "fragment/oracle.h"
#include "fragment/recipe.h"
#include "fragment/seeded_values.h"
#include "fragment/subspace.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr size_t kOut = 40, kIn = 64;

/// Inputs with a spectrum of their own: features of widely different size, which ones depends on the seed.
std::vector<float> inputs(size_t n_rows, uint32_t seed) {
  const auto scale = test::norm_values(kIn, seed);
  auto rows = test::normal_values(n_rows * kIn, seed + 100);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] *= scale[i % kIn];
  return rows;
}
std::vector<float> weight() { return test::normal_values(kOut * kIn, 1); }
std::vector<float> product(const LowRank& low, size_t n_out, size_t n_in) {
  std::vector<float> delta(n_out * n_in);
  for (size_t i = 0; i < n_out; ++i) {
    for (size_t k = 0; k < low.rank; ++k) {
      for (size_t j = 0; j < n_in; ++j) delta[i * n_in + j] += low.b[i * low.rank + k] * low.a[k * n_in + j];
    }
  }
  return delta;
}
double norm(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum);
}
/// || delta X^T ||_F
double effect(const std::vector<float>& delta, const std::vector<float>& x) {
  std::vector<float> out;
  for (size_t t = 0; t < x.size() / kIn; ++t) {
    for (size_t i = 0; i < kOut; ++i) {
      float sum = 0;
      for (size_t j = 0; j < kIn; ++j) sum += delta[i * kIn + j] * x[t * kIn + j];
      out.push_back(sum);
    }
  }
  return norm(out);
}

TEST(ActsvdRecipe, IsTheProjectionThatNumpyComputes) {
  const auto task = inputs(90, 2), general = inputs(70, 3);
  test::TempDir dir;
  test::write_raw(dir / "weight", weight());
  test::write_raw(dir / "task", task);
  test::write_raw(dir / "general", general);
  for (const size_t rank : {1u, 4u, 12u}) {
    test::run_oracle({"actsvd", dir.path(), std::to_string(kOut), std::to_string(kIn), std::to_string(rank)});
    const auto expected = test::read_raw<float>(dir / "delta");
    const LowRank low = fragment::task_directions(weight(), kOut, kIn, task, general, rank);
    EXPECT_EQ(low.retained_energy, 1.0);
    auto apart = product(low, kOut, kIn);
    for (size_t i = 0; i < apart.size(); ++i) apart[i] -= expected[i];
    EXPECT_LT(norm(apart), 1e-4 * norm(expected)) << rank;
  }
}

TEST(ActsvdRecipe, ReachesTheWholeWeightAtFullRank) {
  // Every output direction is taken and none is left to project out.
  auto apart = product(fragment::task_directions(weight(), kOut, kIn, inputs(90, 2), inputs(70, 3), kOut), kOut, kIn);
  const auto w = weight();
  for (size_t i = 0; i < apart.size(); ++i) apart[i] -= w[i];
  EXPECT_LT(norm(apart), 1e-4 * norm(w));
}

TEST(ActsvdRecipe, EffectOnTheTaskGrowsWithRank) {
  const auto task = inputs(90, 2), general = inputs(70, 3);
  double before = 0;
  for (const size_t rank : {20u, 25u, 30u, 40u}) {  // from half of the outputs on, fewer general directions are projected out
    const double now = effect(product(fragment::task_directions(weight(), kOut, kIn, task, general, rank), kOut, kIn), task);
    EXPECT_GT(now, before) << rank;
    before = now;
  }
}

TEST(ActsvdRecipe, ActsOnTheTaskAndHardlyInGeneral) {
  // General text uses eight features only, and eight others belong to the task alone.
  std::vector<float> task = inputs(90, 2), general = inputs(70, 3);
  for (size_t i = 0; i < task.size(); ++i) task[i] = i % kIn < 16 ? task[i] : 0;
  for (size_t i = 0; i < general.size(); ++i) general[i] = i % kIn < 8 ? general[i] : 0;
  const auto delta = product(fragment::task_directions(weight(), kOut, kIn, task, general, 8), kOut, kIn);
  EXPECT_LT(effect(delta, general), 0.25 * effect(weight(), general));
  EXPECT_GT(effect(delta, task), effect(delta, general));
}

TEST(ActsvdRecipe, FactorsOfASketchComeCloseToThoseOfTheInputs) {
  const auto task = inputs(400, 2), general = inputs(300, 3);
  InputSketch task_sketch{.n_in = kIn, .size = 40, .rows = {}}, general_sketch = task_sketch;
  task_sketch.append(task);
  general_sketch.append(general);
  task_sketch.compress();
  general_sketch.compress();
  const auto exact = product(fragment::task_directions(weight(), kOut, kIn, task, general, 6), kOut, kIn);
  auto apart = product(fragment::task_directions(weight(), kOut, kIn, task_sketch.rows, general_sketch.rows, 6), kOut, kIn);
  for (size_t i = 0; i < apart.size(); ++i) apart[i] -= exact[i];
  EXPECT_LT(norm(apart), 0.1 * norm(exact));
}

TEST(ActsvdRecipe, LeavesComponentsEmptyThatTheTaskDoesNotUse) {
  // Two inputs of the task: two directions, whatever the rank.
  const auto task = inputs(2, 2), general = inputs(1, 3);
  const LowRank low = fragment::task_directions(weight(), kOut, kIn, task, general, 6);
  for (const size_t k : {2u, 5u}) {
    for (size_t i = 0; i < kOut; ++i) EXPECT_EQ(low.b[i * 6 + k], 0.0f);
  }
  EXPECT_NE(low.b[0], 0.0f);
}

TEST(ActsvdRecipe, ATaskWithinTheGeneralDirectionsSelectsNothing) {
  const auto general = inputs(3, 3);
  InputSketch sketch{.n_in = kIn, .size = 4, .rows = general};
  fragment::LayerView layer{.n_in = kIn, .n_out = kOut, .rank = 3, .task_sketch = &sketch, .general_sketch = &sketch};
  auto w = weight();
  EXPECT_TRUE(fragment::actsvd_factors(layer, w, {}).empty);
}

TEST(ActsvdRecipe, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  auto w = weight();
  EXPECT_ERROR(fragment::actsvd_factors({}, w, source.get_token()), ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder
