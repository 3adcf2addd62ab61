// What the recipes differ in: the low-rank change they make of one layer. One file per recipe.
#pragma once

#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

struct PairedInput;

/// What a recipe knows of the layer it works on.
struct LayerView {
  size_t n_in = 0;
  double keep = 0;
  uint64_t seed = 0;                 ///< of this layer
  std::vector<float> task_norms;     ///< [n_in]; empty: no task statistics
  std::vector<float> general_norms;  ///< [n_in]; empty: no general statistics
  size_t n_out = 0;
  size_t rank = 0;  ///< asked for, at most min(n_out, n_in)
  uint64_t task_tokens = 0, general_tokens = 0;
  const InputSketch *task_sketch = nullptr, *general_sketch = nullptr;  ///< where the recipe needs second moments
  const GgufFile* donor = nullptr;                                      ///< where the recipe needs one
  const GgufTensor* donor_weight = nullptr;                             ///< of this layer, in the donor
  const PairedInput* pair = nullptr;                                    ///< where the recipe needs a prompt
};

struct LayerFactors {
  LowRank low;
  bool empty = true;  ///< the recipe found nothing to take in this layer
};
/// \param weight  [n_out, n_in] row-major, the recipe's to overwrite: no second matrix of that size is held beside it
using FactorFn = LayerFactors (*)(const LayerView& layer, std::span<float> weight, const std::stop_token& stop);

/// True where the weight belongs to the fragment. `rows` are whole rows of the weight, the first of them row `first_row`.
using MaskFn = std::vector<bool> (*)(const LayerView& layer, std::span<const float> rows, size_t first_row);

std::vector<bool> wanda_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);
std::vector<bool> contrast_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);
std::vector<bool> magnitude_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);
std::vector<bool> random_mask(const LayerView& layer, std::span<const float> rows, size_t first_row);
/// The path of those four: the masked weight through the activation-weighted SVD.
LayerFactors masked_factors(MaskFn mask, const LayerView& layer, std::span<float> weight, const std::stop_token& stop);

LayerFactors channel_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop);
LayerFactors actsvd_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop);
LayerFactors donor_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop);
LayerFactors distill_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop);

struct RecipeTraits {
  std::string_view name;
  FactorFn factors;  ///< null: it makes control vectors (steer_recipe.h)
  RecipeNeeds needs;
  bool uses_keep;  ///< makes a mask
};
const RecipeTraits& traits(Recipe recipe) noexcept;

}  // namespace aicoder::fragment
