// Linear algebra on subspaces, for sketches and the recipes that are made of them. Plain arrays in and out: Eigen stays inside.
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// One step of frequent directions: M [m, n_in] becomes at most `size` rows B with 0 <= M^T M - B^T B <= delta I, by taking delta,
/// the (size + 1)-th eigenvalue of M M^T, from the squares of the larger singular values. Eigenvalues in double of products in float.
/// \return delta   Source: Ghashami et al. 2016, arXiv 1501.01711, section 2 (here with delta of index size + 1, not size).
double shrink_rows(std::vector<float>& rows, size_t n_in, size_t size);

}  // namespace aicoder::fragment
