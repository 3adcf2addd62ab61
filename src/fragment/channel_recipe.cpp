#include <algorithm>
#include <cmath>
#include <numeric>

#include "fragment/recipe.h"

namespace aicoder {

std::vector<double> channel_importance(std::span<const float> weight, std::span<const float> task_rms, std::span<const float> general_rms) {
  const size_t n_in = task_rms.size();
  if (n_in == 0 || general_rms.size() != n_in || weight.size() % n_in != 0) {
    throw Error(ErrorCode::kInvalidArgument, "[channel_importance] expected weights in rows of " + std::to_string(n_in) +
                                                 " inputs and as many general means, found " + std::to_string(weight.size()) +
                                                 " weights and " + std::to_string(general_rms.size()) + " means");
  }
  std::vector<double> sums(n_in);
  for (size_t row = 0; row < weight.size(); row += n_in) {
    for (size_t j = 0; j < n_in; ++j) sums[j] += static_cast<double>(weight[row + j]) * static_cast<double>(weight[row + j]);
  }
  for (size_t j = 0; j < n_in; ++j) {
    sums[j] = std::sqrt(sums[j]) * (static_cast<double>(task_rms[j]) - static_cast<double>(general_rms[j]));
    if (!std::isfinite(sums[j])) {
      throw Error(ErrorCode::kInvalidArgument, "[channel_importance] input " + std::to_string(j) + ": expected finite values");
    }
  }
  return sums;
}

namespace fragment {
namespace {

std::vector<float> root_mean_squares(std::vector<float> norms, uint64_t tokens) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(std::max<uint64_t>(tokens, 1)));
  for (float& norm : norms) norm *= scale;
  return norms;
}

}  // namespace

/// delta = W[:,K] E_K^T: A picks the channels, B holds their columns, so the factors are exact. Channels that matter no more to the
/// task than in general are not taken; their components stay 0 where there are fewer others than the rank.
LayerFactors channel_factors(const LayerView& layer, std::span<float> weight, const std::stop_token& stop) {
  throw_if_stopped(stop);
  const std::vector<double> importance = channel_importance(weight, root_mean_squares(layer.task_norms, layer.task_tokens),
                                                            root_mean_squares(layer.general_norms, layer.general_tokens));
  std::vector<size_t> order(layer.n_in);
  std::iota(order.begin(), order.end(), size_t{0});
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(layer.rank), order.end(), [&](size_t i, size_t j) {
    return importance[i] != importance[j] ? importance[i] > importance[j] : i < j;  // ties to the lower channel
  });
  LayerFactors result{.low = {.b = std::vector<float>(layer.n_out * layer.rank),
                              .a = std::vector<float>(layer.rank * layer.n_in),
                              .rank = layer.rank,
                              .retained_energy = 1}};
  for (size_t k = 0; k < layer.rank && importance[order[k]] > 0; ++k) {
    result.empty = false;
    // A stays 1, which F16 holds exactly: B alone is rounded there.
    result.low.a[k * layer.n_in + order[k]] = 1;
    for (size_t i = 0; i < layer.n_out; ++i) result.low.b[i * layer.rank + k] = weight[i * layer.n_in + order[k]];
  }
  return result;
}

}  // namespace fragment
}  // namespace aicoder
