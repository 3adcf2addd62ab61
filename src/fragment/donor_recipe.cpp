#include <algorithm>

#include "fragment/low_rank.h"
#include "fragment/recipe.h"

namespace aicoder::fragment {
namespace {

constexpr size_t kRowsAtOnce = 128;  // of the donor, in memory beside the weight

}  // namespace

/// delta = donor - base, through the activation-weighted SVD (all inputs alike where there are no task statistics). Both are taken as
/// their files hold them, so the difference of two quantized files has their rounding in it.
LayerFactors donor_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop) {
  LayerFactors result;
  std::vector<float> theirs;
  for (size_t first = 0; first < layer.n_out; first += kRowsAtOnce) {
    throw_if_stopped(stop);
    const size_t n_rows = std::min(kRowsAtOnce, layer.n_out - first);
    theirs.resize(n_rows * layer.n_in);
    dequantize_rows(*layer.donor, *layer.donor_weight, first, n_rows, theirs);
    const auto rows = weight.subspan(first * layer.n_in, theirs.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] = theirs[i] - rows[i];
      if (rows[i] != 0) result.empty = false;
    }
  }
  const std::vector<float> norms = layer.task_norms.empty() ? std::vector<float>(layer.n_in, 1.0f) : layer.task_norms;
  result.low = weighted_low_rank_in_place(weight, layer.n_out, layer.n_in, norms, layer.rank, layer.seed, 3, stop);
  return result;
}

}  // namespace aicoder::fragment
