// Uses Eigen: see eigen_parts.h for the rule.
#include "fragment/moments_algebra.h"

#include <algorithm>
#include <cmath>

#include "fragment/eigen_parts.h"
#include "fragment/seeded_random.h"

namespace aicoder::fragment {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Columns of the subspace beside those wanted, and products with G before the last: more of either only brings the error nearer to the
/// next eigenvalue.
constexpr Index kExtra = 32;
constexpr int kPowers = 2;
constexpr Index kLanczosSteps = 16;
constexpr double kLanczosMargin = 1.5;  // relative error 1/3 in the theorem
constexpr uint64_t kSeed = 1;

/// Largest eigenvalue of G - C^T C, at most kLanczosMargin times too small or large.
double largest_left(const MatrixXd& g, const MatrixXd& c) {
  const Index n = g.rows(), steps = std::min(kLanczosSteps, n);
  MatrixXd v(n, steps), t = MatrixXd::Zero(steps, steps);
  SeededRandom random(kSeed);
  VectorXd next(n);
  for (Index i = 0; i < n; ++i) next(i) = static_cast<double>(random.normal());
  next.normalize();
  const double trace = g.trace();
  Index k = 0;
  for (; k < steps; ++k) {
    v.col(k) = next;
    next = g * v.col(k) - c.transpose() * (c * v.col(k));
    t(k, k) = v.col(k).dot(next);
    for (int i = 0; i < 2; ++i) next -= v.leftCols(k + 1) * (v.leftCols(k + 1).transpose() * next);  // twice: rounding of the first
    const double length = next.norm();
    if (!(length > 1e-14 * trace) || k + 1 == steps) {
      ++k;
      break;
    }
    t(k + 1, k) = t(k, k + 1) = length;
    next /= length;
  }
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(t.topLeftCorner(k, k), Eigen::EigenvaluesOnly);
  return kLanczosMargin * std::max(0.0, eigen.eigenvalues()(k - 1));
}

/// Keeps the leading `size` eigenvectors of C^T C. \return C turned so that its rows are those, and the next eigenvalue in `next`
MatrixXd leading(const MatrixXd& c, Index size, double& next) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(c * c.transpose());  // ascending
  const Index k = c.rows(), kept = std::min(size, k);
  next = kept < k ? std::max(0.0, eigen.eigenvalues()(k - 1 - kept)) : 0.0;
  const MatrixXd descending = eigen.eigenvectors().rightCols(kept).rowwise().reverse();
  return descending.transpose() * c;
}

/// C with C^T C = G Q (Q^T G Q)^-1 Q^T G, Q being near the leading eigenvectors of G.
MatrixXd nystroem(const Matrix& products, const MatrixXd& g, Index n_columns) {
  Matrix q(g.rows(), n_columns);
  SeededRandom random(kSeed);
  for (Index i = 0; i < q.size(); ++i) q.data()[i] = random.normal();
  for (int i = 0; i < kPowers; ++i) q = orthonormal(Matrix(products * q));
  const MatrixXd q_double = q.cast<double>(), y = g * q_double, small = q_double.transpose() * y;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(0.5 * (small + small.transpose()));
  const double largest = eigen.eigenvalues()(n_columns - 1);
  Index n = 0;  // directions of Q in which G is more than rounding
  while (n < n_columns && eigen.eigenvalues()(n_columns - 1 - n) > 1e-12 * largest) ++n;
  const MatrixXd turn = eigen.eigenvectors().rightCols(n) * eigen.eigenvalues().tail(n).cwiseSqrt().cwiseInverse().asDiagonal();
  return turn.transpose() * y.transpose();
}

}  // namespace

void add_products(std::vector<float>& products, std::span<const float> rows, size_t n_in) {
  if (rows.empty()) return;  // Eigen divides by the number of rows
  const auto n = static_cast<Index>(n_in);
  const Eigen::Map<const RowMajor> x(rows.data(), static_cast<Index>(rows.size() / n_in), n);
  Eigen::Map<Matrix>(products.data(), n, n).selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
}

LeadingRows leading_rows(std::span<const float> products, size_t n_in, size_t size) {
  const auto n = static_cast<Index>(n_in), l = static_cast<Index>(size);
  const Matrix full = Eigen::Map<const Matrix>(products.data(), n, n).selfadjointView<Eigen::Lower>();
  const MatrixXd g = full.cast<double>();
  LeadingRows result;
  if (!(g.trace() > 0)) {  // no input was ever other than 0; a file wants at least one row
    result.rows.assign(n_in, 0.0f);
    return result;
  }
  MatrixXd b;
  if (n <= l + 2 * kExtra) {
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(g);
    const Index kept = std::min(l, n);
    const VectorXd values = eigen.eigenvalues().cwiseMax(0.0);
    if (kept < n) result.error = values(n - 1 - kept);
    const MatrixXd ascending = eigen.eigenvectors().rightCols(kept) * values.tail(kept).cwiseSqrt().asDiagonal();
    b = ascending.rowwise().reverse().transpose();
  } else {
    const MatrixXd c = nystroem(full, g, l + kExtra);
    b = leading(c, l, result.error);
    result.error += largest_left(g, c);
  }
  result.rows.resize(static_cast<size_t>(b.size()));
  Eigen::Map<RowMajor>(result.rows.data(), b.rows(), n) = b.cast<float>();
  return result;
}

}  // namespace aicoder::fragment
