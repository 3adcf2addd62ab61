#include <algorithm>

#include "fragment/low_rank.h"
#include "fragment/recipe.h"

namespace aicoder::fragment {
namespace {

constexpr size_t kRowsAtOnce = 128;  // in work beside the weight: the scores of 128 rows of 9k inputs are 5 MB

}  // namespace

LayerFactors masked_factors(MaskFn mask, const LayerView& layer, std::span<float> weight, const std::stop_token& stop) {
  LayerFactors result;
  for (size_t first = 0; first < layer.n_out; first += kRowsAtOnce) {
    throw_if_stopped(stop);
    const auto rows = weight.subspan(first * layer.n_in, std::min(kRowsAtOnce, layer.n_out - first) * layer.n_in);
    const std::vector<bool> chosen = mask(layer, rows, first);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!chosen[i]) rows[i] = 0;
      if (chosen[i]) result.empty = false;
    }
  }
  const std::vector<float> norms = layer.task_norms.empty() ? std::vector<float>(layer.n_in, 1.0f) : layer.task_norms;
  result.low = weighted_low_rank_in_place(weight, layer.n_out, layer.n_in, norms, layer.rank, layer.seed, 3, stop);
  return result;
}

}  // namespace aicoder::fragment
