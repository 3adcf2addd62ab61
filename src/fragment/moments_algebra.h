// Linear algebra of second moments that are held as a whole matrix. Plain arrays in and out: Eigen stays inside.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace aicoder::fragment {

/// X^T X += rows^T rows, in its lower half. \param products  [n_in, n_in], \param rows  [any number, n_in]
void add_products(std::vector<float>& products, std::span<const float> rows, size_t n_in);

/// At most `size` rows B with 0 <= v^T (G - B^T B) v <= error for every unit vector v: the leading eigenvectors of G, each as long as the
/// root of its eigenvalue. G is symmetric, without negative eigenvalues. All eigenvectors where n_in is little more than `size`. Else a
/// subspace Q by the randomized range finder of weighted_low_rank, of more columns than `size`; G Q (Q^T G Q)^-1 Q^T G (Nystroem: never
/// above G, whatever the Q), of which the leading part is taken; and the error is what that leaves out of it, plus the largest eigenvalue
/// of G minus it, taken as 3/2 of what 16 Lanczos steps find, which is too little with probability below 1e-5 (Kuczynski and Wozniakowski
/// 1992, "Estimating the largest eigenvalue by the power and Lanczos algorithms with a random start", theorem 4.1). Eigenvalues in double.
/// Deterministic.
/// \param products  lower half of G [n_in, n_in]
struct LeadingRows {
  std::vector<float> rows;  ///< [at most size, n_in]
  double error = 0;
};
LeadingRows leading_rows(std::span<const float> products, size_t n_in, size_t size);

}  // namespace aicoder::fragment
