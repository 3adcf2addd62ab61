#include <algorithm>

#include "fragment/recipe.h"
#include "fragment/subspace.h"

namespace aicoder::fragment {

/// delta = U U^T W: the part of the layer's output that lies in the directions the task uses most and general text does not.
/// Source: Wei et al. 2024, arXiv 2402.05162, section 3.2 (ActSVD, and its orthogonal projection). There the top directions of the task are
/// taken first and the general ones projected out of them; here the general ones go first, so that U is orthonormal, of exactly the
/// rank asked for, and the best such basis for what remains. Inputs are taken from sketches.
LayerFactors actsvd_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop) {
  throw_if_stopped(stop);
  LayerFactors result{
      .low = task_directions(weight, layer.n_out, layer.n_in, layer.task_sketch->rows, layer.general_sketch->rows, layer.rank)};
  result.empty = std::all_of(result.low.b.begin(), result.low.b.end(), [](float v) { return v == 0; });
  return result;
}

}  // namespace aicoder::fragment
