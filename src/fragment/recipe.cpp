#include "fragment/recipe.h"

#include <array>
#include <string>

namespace aicoder {
namespace fragment {
namespace {

template <MaskFn kMask>
LayerFactors masked(const LayerView& layer, std::span<float> weight, const std::stop_token& stop) {
  return masked_factors(kMask, layer, weight, stop);
}

// In the order of enum Recipe.
constexpr std::array kRecipes = {
    RecipeTraits{"wanda", masked<wanda_mask>, {.task = true}, true},
    RecipeTraits{"contrast", masked<contrast_mask>, {.task = true, .general = true}, true},
    RecipeTraits{"magnitude", masked<magnitude_mask>, {}, true},
    RecipeTraits{"random", masked<random_mask>, {}, true},
    RecipeTraits{"channel", channel_factors, {.task = true, .general = true}, false},
    RecipeTraits{"actsvd", actsvd_factors, {.task = true, .general = true, .second_moments = true}, false},
    RecipeTraits{"donor", donor_factors, {.donor = true}, false},
    RecipeTraits{"distill", distill_factors, {.prompt = true}, false},
    RecipeTraits{"steer", nullptr, {.prompt = true, .vectors = true}, false},
};

}  // namespace

const RecipeTraits& traits(Recipe recipe) noexcept { return kRecipes.at(static_cast<size_t>(recipe)); }

}  // namespace fragment

std::string_view to_string(Recipe recipe) noexcept { return fragment::traits(recipe).name; }

RecipeNeeds recipe_needs(Recipe recipe) noexcept { return fragment::traits(recipe).needs; }

Recipe parse_recipe(std::string_view name) {
  std::string known;
  for (size_t i = 0; i < fragment::kRecipes.size(); ++i) {
    if (fragment::kRecipes[i].name == name) return static_cast<Recipe>(i);
    known += (i == 0 ? "" : ", ") + std::string(fragment::kRecipes[i].name);
  }
  const std::string message = "[recipe] expected one of " + known + ", found '" + std::string(name) + "'";
  if (name == "search") {
    throw Error(ErrorCode::kInvalidArgument, message + ", which starts from a fragment of another recipe",
                "aicoder fragment search FRAGMENT --objective own.jsonl --guard english.txt -o OUT");
  }
  throw Error(ErrorCode::kInvalidArgument, message, "--recipe contrast");
}

}  // namespace aicoder
