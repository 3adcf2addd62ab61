#include "model/log_softmax.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace aicoder {
namespace {

float max_value(std::span<const float> logits) noexcept {
  // 16 independent maxima: `a > b ? a : b` is one vector instruction without fast-math, and leaves out NaN.
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> best;
  best.fill(-std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) best[lane] = logits[i + lane] > best[lane] ? logits[i + lane] : best[lane];
  }
  for (; i < logits.size(); ++i) best[0] = logits[i] > best[0] ? logits[i] : best[0];
  return *std::max_element(best.begin(), best.end());
}

}  // namespace

size_t arg_max(std::span<const float> logits) noexcept {
  const float best = max_value(logits);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == best) return i;
  }
  return 0;
}

LogSoftmax::LogSoftmax(std::span<const float> logits) noexcept : max_(static_cast<double>(max_value(logits))) {
  if (!std::isfinite(max_)) return;
  const float shift = static_cast<float>(max_);
  double sum = 0;
  for (float logit : logits) sum += static_cast<double>(std::exp(logit - shift));
  log_sum_ = std::log(sum);
}

std::vector<size_t> top_indices(std::span<const float> logits, size_t k) {
  std::vector<size_t> indices(logits.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  k = std::min(k, indices.size());
  // NaN counts as the smallest value: it would break the ordering that the sort relies on.
  const auto value = [&](size_t i) { return std::isnan(logits[i]) ? -std::numeric_limits<float>::infinity() : logits[i]; };
  const auto better = [&](size_t a, size_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; };
  std::partial_sort(indices.begin(), indices.begin() + static_cast<ptrdiff_t>(k), indices.end(), better);
  indices.resize(k);
  return indices;
}

}  // namespace aicoder
