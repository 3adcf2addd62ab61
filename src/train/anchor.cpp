#include "train/anchor.h"

#include <algorithm>
#include <cmath>

namespace aicoder::train {

double Anchor::add(std::span<const float> parameters, std::span<float> gradient) const {
  double sum = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    const float away = parameters[i] - center[i];
    sum += static_cast<double>(weight[i]) * static_cast<double>(away) * static_cast<double>(away);
    gradient[i] += 2 * weight[i] * away;
  }
  return sum;
}

void PathIntegral::add(std::span<const float> gradient, std::span<const float> before, std::span<const float> after) {
  for (size_t i = 0; i < work_.size(); ++i) work_[i] -= static_cast<double>(gradient[i]) * static_cast<double>(after[i] - before[i]);
}

std::vector<float> PathIntegral::importance(const LoraLayout& layout, std::span<const float> end) const {
  std::vector<float> omega(work_.size());
  for_each_factor(layout, [&](size_t, size_t first, size_t size) {
    double mean_square = 0;
    for (size_t i = first; i < first + size; ++i) mean_square += std::pow(static_cast<double>(end[i] - start_[i]), 2);
    mean_square /= static_cast<double>(size);
    if (mean_square == 0) return;
    for (size_t i = first; i < first + size; ++i) {
      const double change = static_cast<double>(end[i] - start_[i]);
      omega[i] = static_cast<float>(std::max(0.0, work_[i]) / (change * change + mean_square));
    }
  });
  return omega;
}

void normalise_by_factor(const LoraLayout& layout, std::span<float> importance) {
  for_each_factor(layout, [&](size_t, size_t first, size_t size) {
    double sum = 0;
    for (size_t i = first; i < first + size; ++i) sum += static_cast<double>(importance[i]);
    if (sum <= 0) return;
    const auto factor = static_cast<float>(static_cast<double>(size) / sum);
    for (size_t i = first; i < first + size; ++i) importance[i] *= factor;
  });
}

std::vector<double> layer_coefficients(const LoraLayout& layout, std::span<const float> importance) {
  std::vector<double> norms(layout.sites.size() / kLinearKinds);
  for_each_factor(layout, [&](size_t layer, size_t first, size_t size) {
    for (size_t i = first; i < first + size; ++i) norms[layer] += std::pow(static_cast<double>(importance[i]), 2);
  });
  double mean = 0;
  for (double& norm : norms) {
    norm = std::sqrt(norm);
    mean += norm / static_cast<double>(norms.size());
  }
  for (double& norm : norms) norm = mean > 0 ? norm / mean : 1;
  return norms;
}

void for_each_factor(const LoraLayout& layout, const std::function<void(size_t layer, size_t first, size_t size)>& fn) {
  for (size_t i = 0; i < layout.sites.size(); ++i) {
    const LoraSite& site = layout.sites[i];
    fn(i / kLinearKinds, site.a, site.a_size());
    fn(i / kLinearKinds, site.b, site.b_size());
  }
}

}  // namespace aicoder::train
