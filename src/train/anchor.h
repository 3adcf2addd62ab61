// What holds the parameters near a point: the regularizers, as one weight for each parameter.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "train/lora_parameters.h"

namespace aicoder::train {

/// penalty = sum_i weight_i (theta_i - center_i)^2. Empty: none.
struct Anchor {
  std::vector<float> center, weight;
  bool empty() const noexcept { return weight.empty(); }
  /// The penalty; its gradient is added to `gradient`.
  double add(std::span<const float> parameters, std::span<float> gradient) const;
};

/// Omega of each parameter over a path of training (arXiv 2501.13669, after Zenke et al. 2017, arXiv 1703.04200):
/// sum over steps of -gradient * change, over (whole change)^2 + xi, negative values as 0. xi is the mean square change of the factor: our
/// choice, since A and B change by different amounts and a constant would fit one of them.
class PathIntegral {
 public:
  explicit PathIntegral(std::span<const float> start) : start_(start.begin(), start.end()), work_(start.size()) {}
  /// One step: the gradient it was taken on, parameters before and after.
  void add(std::span<const float> gradient, std::span<const float> before, std::span<const float> after);
  std::vector<float> importance(const LoraLayout& layout, std::span<const float> end) const;

 private:
  std::vector<float> start_;
  std::vector<double> work_;
};

/// Brings each factor's importance to mean 1 (a factor of zeros stays 0), so that one strength fits all models.
void normalise_by_factor(const LoraLayout& layout, std::span<float> importance);

/// lambda of each layer: the norm of its importance over the mean of those norms (arXiv 2501.13669; from importance before normalisation).
std::vector<double> layer_coefficients(const LoraLayout& layout, std::span<const float> importance);

/// Calls fn(layer, first, size) for every factor of every site.
void for_each_factor(const LoraLayout& layout, const std::function<void(size_t layer, size_t first, size_t size)>& fn);

}  // namespace aicoder::train
