#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "fragment/oracle.h"
#include "fragment/recipe.h"
#include "fragment/seeded_values.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr size_t kOut = 20, kIn = 32, kTask = 400, kGeneral = 900;

fragment::LayerView view(size_t rank) {
  fragment::LayerView layer{.n_in = kIn, .n_out = kOut, .rank = rank, .task_tokens = kTask, .general_tokens = kGeneral};
  layer.task_norms = test::norm_values(kIn, 2);
  layer.general_norms = test::norm_values(kIn, 3);
  return layer;
}
LowRank factors(size_t rank) {
  auto weight = test::normal_values(kOut * kIn, 1);
  return fragment::channel_factors(view(rank), weight, {}).low;
}
std::vector<double> oracle_importance() {
  test::TempDir dir;
  test::write_raw(dir / "weight", test::normal_values(kOut * kIn, 1));
  test::write_raw(dir / "task", view(1).task_norms);
  test::write_raw(dir / "general", view(1).general_norms);
  test::run_oracle({"channel", dir.path(), std::to_string(kOut), std::to_string(kIn), std::to_string(kTask), std::to_string(kGeneral)});
  return test::read_raw<double>(dir / "importance");
}

TEST(ChannelRecipe, TakesTheColumnsThatNumpyRanksHighestAndTakesThemExactly) {
  const auto importance = oracle_importance();
  std::vector<size_t> order(kIn);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return importance[i] > importance[j]; });
  const auto weight = test::normal_values(kOut * kIn, 1);
  const LowRank low = factors(5);
  EXPECT_EQ(low.retained_energy, 1.0);
  for (size_t i = 0; i < kOut; ++i) {
    for (size_t j = 0; j < kIn; ++j) {
      float product = 0;
      for (size_t k = 0; k < 5; ++k) product += low.b[i * 5 + k] * low.a[k * kIn + j];
      const bool chosen = std::find(order.begin(), order.begin() + 5, j) != order.begin() + 5;
      EXPECT_EQ(product, chosen ? weight[i * kIn + j] : 0.0f) << i << ", " << j;
    }
  }
}

TEST(ChannelRecipe, ImportanceAgreesWithNumpy) {
  const auto expected = oracle_importance();
  std::vector<float> task = view(1).task_norms, general = view(1).general_norms;
  for (float& v : task) v /= std::sqrt(static_cast<float>(kTask));
  for (float& v : general) v /= std::sqrt(static_cast<float>(kGeneral));
  const auto importance = channel_importance(test::normal_values(kOut * kIn, 1), task, general);
  for (size_t j = 0; j < kIn; ++j) EXPECT_NEAR(importance[j], expected[j], 1e-6 * std::abs(expected[j]) + 1e-7) << j;
}

TEST(ChannelRecipe, ASmallerRankIsThePrefixOfALarger) {
  const LowRank small = factors(2), large = factors(6);
  EXPECT_TRUE(std::equal(small.a.begin(), small.a.end(), large.a.begin()));
}

TEST(ChannelRecipe, TakesNoChannelThatMattersMoreInGeneral) {
  // Two of four channels matter to the task; two of the three components stay empty of the others.
  fragment::LayerView layer{.n_in = 4, .n_out = 3, .rank = 3, .task_tokens = 1, .general_tokens = 1};
  layer.task_norms = {1, 3, 2, 1};
  layer.general_norms = {2, 1, 1, 1};
  std::vector<float> weight(12, 1.0f);
  const auto result = fragment::channel_factors(layer, weight, {});
  EXPECT_FALSE(result.empty);
  EXPECT_EQ(result.low.a, (std::vector<float>{0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(result.low.b[2], 0.0f);
}

TEST(ChannelRecipe, ATextAgainstItselfSelectsNothing) {
  fragment::LayerView layer = view(4);
  layer.general_norms = layer.task_norms;
  layer.general_tokens = layer.task_tokens;
  auto weight = test::normal_values(kOut * kIn, 1);
  EXPECT_TRUE(fragment::channel_factors(layer, weight, {}).empty);
}

TEST(ChannelRecipe, LongerTextOfTheSameMeanCountsNoMore) {
  fragment::LayerView layer = view(4);
  for (float& norm : layer.task_norms) norm *= 2;  // four times the tokens
  layer.task_tokens *= 4;
  auto weight = test::normal_values(kOut * kIn, 1);
  EXPECT_EQ(fragment::channel_factors(layer, weight, {}).low.a, factors(4).a);
}

TEST(ChannelRecipe, RefusesSizesThatDisagreeAndValuesThatAreNotFinite) {
  const std::vector<float> weight(6, 1.0f), rms(3, 1.0f);
  EXPECT_ERROR(channel_importance(weight, rms, std::vector<float>(2)), ErrorCode::kInvalidArgument, "rows of 3 inputs");
  EXPECT_ERROR(channel_importance(std::vector<float>(5), rms, rms), ErrorCode::kInvalidArgument, "found 5 weights");
  EXPECT_ERROR(channel_importance(weight, {}, {}), ErrorCode::kInvalidArgument, "rows of 0");
  EXPECT_ERROR(channel_importance(weight, rms, std::vector<float>{1, std::numeric_limits<float>::quiet_NaN(), 1}),
               ErrorCode::kInvalidArgument, "input 1: expected finite");
}

TEST(ChannelRecipe, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  auto weight = test::normal_values(kOut * kIn, 1);
  EXPECT_ERROR(fragment::channel_factors(view(2), weight, source.get_token()), ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder
