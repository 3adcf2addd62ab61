#include <algorithm>

#include "fragment/paired_inputs.h"
#include "fragment/recipe.h"
#include "fragment/subspace.h"

namespace aicoder::fragment {

/// The delta that makes the layer give without the prompt what it gave with it: min ||(W + delta) X_plain - W X_prompted||^2 +
/// lambda ||delta||^2 over the aligned tokens, of the rank asked for.
LayerFactors distill_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop) {
  const PairedInput& pair = *layer.pair;
  LayerFactors result{.low = ridge_factors(weight, layer.n_out, layer.n_in, pair.plain, pair.change, pair.solve, pair.lambda, layer.rank,
                                           layer.seed, stop)};
  result.empty = std::all_of(result.low.b.begin(), result.low.b.end(), [](float v) { return v == 0; });
  return result;
}

}  // namespace aicoder::fragment
