#include "fragment/recipe.h"

namespace aicoder::fragment {

std::vector<bool> wanda_mask(const LayerView& layer, std::span<const float> rows, size_t /*first_row*/) {
  return top_mask(wanda_score(rows, layer.task_norms), layer.n_in, layer.keep);
}

}  // namespace aicoder::fragment
