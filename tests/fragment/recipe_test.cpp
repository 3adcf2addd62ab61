#include "fragment/recipe.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fragment/seeded_values.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using fragment::LayerView;

LayerView view(double keep = 0.5) {
  return {.n_in = 4, .keep = keep, .seed = 9, .task_norms = {1, 1, 5, 1}, .general_norms = {1, 1, 1, 5}};
}
const std::vector<float> kRow = {2.0f, 3.0f, 1.0f, -1.0f};

TEST(Recipe, NamesRoundTrip) {
  for (const Recipe recipe : {Recipe::kWanda, Recipe::kContrast, Recipe::kMagnitude, Recipe::kRandom, Recipe::kChannel, Recipe::kActsvd,
                              Recipe::kDonor, Recipe::kDistill, Recipe::kSteer}) {
    EXPECT_EQ(parse_recipe(to_string(recipe)), recipe);
  }
}

TEST(Recipe, SaysWhatIsNone) {
  EXPECT_ERROR(parse_recipe("search"), ErrorCode::kInvalidArgument, "starts from a fragment of another recipe");
  EXPECT_ERROR(parse_recipe("wandaa"), ErrorCode::kInvalidArgument,
               "one of wanda, contrast, magnitude, random, channel, actsvd, donor, distill, steer, found 'wandaa'");
}

TEST(Recipe, WandaWeighsByTaskActivations) {
  EXPECT_EQ(fragment::wanda_mask(view(), kRow, 0), (std::vector<bool>{false, true, true, false}));
}

TEST(Recipe, ContrastTakesAwayWhatMattersInGeneral) {
  // task keeps columns 1 and 2, general keeps 3 and 1
  EXPECT_EQ(fragment::contrast_mask(view(), kRow, 0), (std::vector<bool>{false, false, true, false}));
}

TEST(Recipe, MagnitudeIgnoresActivations) {
  EXPECT_EQ(fragment::magnitude_mask(view(), kRow, 0), (std::vector<bool>{true, true, false, false}));
}

TEST(Recipe, RandomKeepsTheShareAndDoesNotDependOnHowRowsAreHandedOut) {
  const LayerView layer{.n_in = 50, .keep = 0.2, .seed = 4};
  const auto rows = test::normal_values(300, 1);
  const auto whole = fragment::random_mask(layer, rows, 0);
  for (size_t row = 0; row < 6; ++row) {
    const auto first = whole.begin() + static_cast<std::ptrdiff_t>(row * 50);
    EXPECT_EQ(std::count(first, first + 50, true), 10);
  }
  const auto tail = fragment::random_mask(layer, std::span(rows).subspan(200), 4);
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + 200));
  LayerView other = layer;
  other.seed = 5;
  EXPECT_NE(fragment::random_mask(other, rows, 0), whole);
}

}  // namespace
}  // namespace aicoder
