#include "fragment/recipe.h"

namespace aicoder::fragment {

/// Control: the largest weights, whatever the activations.
std::vector<bool> magnitude_mask(const LayerView& layer, std::span<const float> rows, size_t /*first_row*/) {
  return top_mask(wanda_score(rows, std::vector<float>(layer.n_in, 1.0f)), layer.n_in, layer.keep);
}

}  // namespace aicoder::fragment
