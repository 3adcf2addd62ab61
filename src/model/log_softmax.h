// Log-probabilities from raw logits. Private to src/model.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace aicoder {

/// Index of the largest value, the first of equals. NaN never wins. O(n), vector code.
size_t arg_max(std::span<const float> logits) noexcept;

/// log(sum(exp(logits))), summed in double, shifted by the largest so that nothing overflows.
double log_sum_exp(std::span<const float> logits) noexcept;

/// log softmax(logits)[index].
double log_softmax_at(std::span<const float> logits, size_t index) noexcept;

/// Indices of the k largest, best first; equal values in index order.
std::vector<size_t> top_indices(std::span<const float> logits, size_t k);

}  // namespace aicoder
