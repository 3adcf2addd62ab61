#include "fragment/recipe.h"

namespace aicoder::fragment {

/// Important to the task and not to everything: the top share for the task without the top share for general text
/// (MathNeuro, arXiv 2410.16930, section 3, with its set difference; its threshold is per layer, ours per output row as in Wanda).
std::vector<bool> contrast_mask(const LayerView& layer, std::span<const float> rows, size_t /*first_row*/) {
  std::vector<bool> mask = top_mask(wanda_score(rows, layer.task_norms), layer.n_in, layer.keep);
  const std::vector<bool> general = top_mask(wanda_score(rows, layer.general_norms), layer.n_in, layer.keep);
  for (size_t i = 0; i < mask.size(); ++i) {
    if (general[i]) mask[i] = false;
  }
  return mask;
}

}  // namespace aicoder::fragment
