// What the recipes differ in: which weights of a layer they keep. One file per recipe.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// What a recipe knows of the layer it works on.
struct LayerView {
  size_t n_in = 0;
  double keep = 0;
  uint64_t seed = 0;                 ///< of this layer
  std::vector<float> task_norms;     ///< [n_in]; empty: no task statistics
  std::vector<float> general_norms;  ///< [n_in]; empty: no general statistics
};

/// True where the weight belongs to the fragment. `rows` are whole rows of the weight, the first of them row `first_row`.
using MaskFn = std::vector<bool> (*)(const LayerView& layer, std::span<const float> rows, size_t first_row);

std::vector<bool> wanda_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);
std::vector<bool> contrast_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);
std::vector<bool> magnitude_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);
std::vector<bool> random_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);

struct RecipeTraits {
  std::string_view name;
  MaskFn mask;
  bool needs_task, needs_general;
};
const RecipeTraits& traits(Recipe recipe) noexcept;

}  // namespace aicoder::fragment
