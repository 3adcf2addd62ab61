#include "fragment/recipe.h"

#include <array>
#include <string>

namespace aicoder {
namespace fragment {
namespace {

constexpr std::array<RecipeTraits, 4> kRecipes = {{
    {"wanda", wanda_mask, true, false},
    {"contrast", contrast_mask, true, true},
    {"magnitude", magnitude_mask, false, false},
    {"random", random_mask, false, false},
}};
constexpr std::array<std::string_view, 5> kPlanned = {"channel", "actsvd", "distill", "steer", "search"};

}  // namespace

const RecipeTraits& traits(Recipe recipe) noexcept { return kRecipes.at(static_cast<size_t>(recipe)); }

}  // namespace fragment

std::string_view to_string(Recipe recipe) noexcept { return fragment::traits(recipe).name; }

Recipe parse_recipe(std::string_view name) {
  std::string known;
  for (size_t i = 0; i < fragment::kRecipes.size(); ++i) {
    if (fragment::kRecipes[i].name == name) return static_cast<Recipe>(i);
    known += (i == 0 ? "" : ", ") + std::string(fragment::kRecipes[i].name);
  }
  const std::string message = "[recipe] expected one of " + known + ", found '" + std::string(name) + "'";
  for (const std::string_view planned : fragment::kPlanned) {
    if (planned == name) throw Error(ErrorCode::kUnimplemented, message + ", which is designed but not built yet", "--recipe contrast");
  }
  throw Error(ErrorCode::kInvalidArgument, message, "--recipe contrast");
}

}  // namespace aicoder
