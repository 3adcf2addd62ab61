// Log-probabilities from raw logits. Private to src/model.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace aicoder {

/// Index of the largest value, the first of equals. NaN never wins. O(n), vector code.
size_t arg_max(std::span<const float> logits) noexcept;

/// log softmax of one row: exp is summed in double, shifted by the largest logit so that nothing overflows.
class LogSoftmax {
 public:
  explicit LogSoftmax(std::span<const float> logits) noexcept;
  /// Log-probability of a token with this logit.
  double of(float logit) const noexcept { return static_cast<double>(logit) - max_ - log_sum_; }
  /// log(sum(exp(logit - reference))).
  double log_total(float reference) const noexcept { return max_ - static_cast<double>(reference) + log_sum_; }

 private:
  double max_ = 0;
  double log_sum_ = 0;
};

/// Indices of the k largest, best first; equal values in index order.
std::vector<size_t> top_indices(std::span<const float> logits, size_t k);

}  // namespace aicoder
