// Uses Eigen: see eigen_parts.h for the rule.
#include "fragment/subspace.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "fragment/eigen_parts.h"

namespace aicoder::fragment {

double shrink_rows(std::vector<float>& rows, size_t n_in, size_t size) {
  const auto n = static_cast<Eigen::Index>(n_in), m = static_cast<Eigen::Index>(rows.size() / n_in), l = static_cast<Eigen::Index>(size);
  const Eigen::Map<const RowMajor> all(rows.data(), m, n);
  Matrix gram = Matrix::Zero(m, m);
  gram.selfadjointView<Eigen::Lower>().rankUpdate(all);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(gram.cast<double>());  // ascending; reads the lower half
  const double delta = std::max(0.0, eigen.eigenvalues()(m - 1 - l));
  Eigen::Index kept = 0;
  while (kept < l && eigen.eigenvalues()(m - 1 - kept) > delta) ++kept;
  Matrix turn(kept, m);
  for (Eigen::Index k = 0; k < kept; ++k) {
    const double value = eigen.eigenvalues()(m - 1 - k);
    turn.row(k) = (eigen.eigenvectors().col(m - 1 - k) * std::sqrt((value - delta) / value)).cast<float>().transpose();
  }
  std::vector<float> shrunk(static_cast<size_t>(kept) * n_in);
  Eigen::Map<RowMajor>(shrunk.data(), kept, n).noalias() = turn * all;
  rows = std::move(shrunk);
  return delta;
}

}  // namespace aicoder::fragment
