// Linear algebra on subspaces, for sketches and the recipes that are made of them. Plain arrays in and out: Eigen stays inside.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// One step of frequent directions: M [m, n_in] becomes at most `size` rows B with 0 <= M^T M - B^T B <= delta I, by taking delta,
/// the (size + 1)-th eigenvalue of M M^T, from the squares of the larger singular values. Eigenvalues in double of products in float.
/// \return delta   Source: Ghashami et al. 2016, arXiv 1501.01711, section 2 (here with delta of index size + 1, not size).
double shrink_rows(std::vector<float>& rows, size_t n_in, size_t size);

/// The general directions that task_directions projects out: the fewest left singular vectors of W X_general with this share of its
/// energy, but no fewer than the rank, and no more than half of the outputs or than leave room for the rank.
inline constexpr double kGeneralShare = 0.9;

/// U U^T W as factors B = U, A = U^T W: U are the first `rank` left singular vectors of (I - G G^T) W X_task, G the general directions.
/// Where the projection leaves fewer directions, the other components are 0.
/// \param weight  [n_out, n_in]
/// \param task, general  [any number of rows, n_in]: inputs, or sketches of them: X X^T is all that counts
/// \return retained_energy 1
LowRank task_directions(std::span<const float> weight, size_t n_out, size_t n_in, std::span<const float> task,
                        std::span<const float> general, size_t rank);

/// (X X^T + lambda I)^-1 [n, n] of n tokens' inputs X [n, n_in], lambda being `ridge` times the mean of the diagonal of X X^T.
/// Cholesky in double of products in float. \return lambda; 0 and an inverse of zeros where X is 0
double ridge_inverse(std::span<const float> inputs, size_t n_in, double ridge, std::vector<float>& inverse);

/// The delta of rank `rank` that minimises ||(W + delta) X^T - W (X + D)^T||_F^2 + lambda ||delta||_F^2, X [n, n_in] the inputs of n tokens
/// and D [n, n_in] their wanted change. With S = (X X^T + lambda I)^-1 and R = W D^T the minimum without a limit of rank is R S X (ridge
/// regression in dual variables, Saunders et al. 1998: n x n instead of n_in x n_in), and the best of a rank is its projection on the
/// leading eigenvectors of R (I - lambda S) R^T (reduced-rank ridge regression, Mukherjee and Zhu 2011, section 2). These by the randomized
/// range finder of weighted_low_rank.
/// \return retained_energy: share of ||delta X^T||_F^2 + lambda ||delta||_F^2 of the unlimited delta that this one has; 1 for D = 0
/// \throws Error(kInvalidArgument) for sizes that disagree, kCancelled.
LowRank ridge_factors(std::span<const float> weight, size_t n_out, size_t n_in, std::span<const float> inputs,
                      std::span<const float> change, std::span<const float> inverse, double lambda, size_t rank, uint64_t seed,
                      const std::stop_token& stop);

}  // namespace aicoder::fragment
