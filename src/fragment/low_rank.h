// Linear algebra of deltas and of products of factors; large matrices are not held twice.
#pragma once

#include <stop_token>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// As weighted_low_rank; `delta` is overwritten. \throws also Error(kCancelled), checked between products.
LowRank weighted_low_rank_in_place(std::span<float> delta, size_t n_out, size_t n_in, std::span<const float> act_norm, size_t rank,
                                   uint64_t seed, int n_power, const std::stop_token& stop);

/// b [n_out, rank], a [rank, n_in], row-major, borrowed.
struct FactorView {
  std::span<const float> b, a;
  size_t n_out = 0, n_in = 0, rank = 0;
};
/// The best approximation of b * a of this rank, by the SVD of the product of their triangular factors: exact to rounding, and no
/// matrix larger than the factors. retained_energy is the share of ||b a||_F^2 (1 for a product that is zero).
/// \throws Error(kInvalidArgument) for a rank outside 1..min(rank, n_out, n_in).
LowRank truncate_product(const FactorView& product, size_t rank);
/// Frobenius inner product of two products of the same shape, tr((Bx Ax)' By Ay), from the factors in double.
double product_dot(const FactorView& x, const FactorView& y);

}  // namespace aicoder::fragment
