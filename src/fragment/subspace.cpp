// Uses Eigen: see eigen_parts.h for the rule.
#include "fragment/subspace.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "fragment/eigen_parts.h"
#include "fragment/seeded_random.h"

namespace aicoder::fragment {
namespace {

/// Left singular vectors and values of a tall or wide matrix: QR first, so that the SVD is of a small matrix, in double.
struct LeftSvd {
  Matrix u;           // [n_out, k]
  Eigen::VectorXd s;  // [k]
};
LeftSvd left_svd(const Matrix& y) {
  const Matrix q = orthonormal(y);
  const SmallSvd svd = small_svd((q.transpose() * y).cast<double>());
  return {q * svd.u.cast<float>(), svd.s};
}

Eigen::Index n_general(const Eigen::VectorXd& s, Eigen::Index n_out, Eigen::Index rank) {
  const double wanted = kGeneralShare * s.squaredNorm();
  double energy = 0;
  Eigen::Index n = 0;
  while (n < s.size() && energy < wanted) energy += s(n) * s(n), ++n;
  // A few massive activations, as the first token has, alone can make 90 % of the energy: hence at least the rank.
  return std::max<Eigen::Index>(0, std::min({std::max(n, rank), s.size(), n_out / 2, n_out - rank}));
}

void write_factors(LowRank& low, Eigen::Index k, const Eigen::VectorXf& b_k, const Eigen::VectorXf& a_k) {
  const float share = balance(b_k.cwiseAbs().maxCoeff(), a_k.cwiseAbs().maxCoeff());
  const auto r = static_cast<Eigen::Index>(low.rank);
  Eigen::Map<RowMajor>(low.b.data(), b_k.size(), r).col(k) = b_k * share;
  Eigen::Map<RowMajor>(low.a.data(), r, a_k.size()).row(k) = a_k.transpose() / share;
}

}  // namespace

LowRank task_directions(std::span<const float> weight, size_t n_out, size_t n_in, std::span<const float> task,
                        std::span<const float> general, size_t rank) {
  const auto rows = static_cast<Eigen::Index>(n_out), cols = static_cast<Eigen::Index>(n_in), r = static_cast<Eigen::Index>(rank);
  const auto inputs = [cols](std::span<const float> x) {
    return Eigen::Map<const RowMajor>(x.data(), static_cast<Eigen::Index>(x.size()) / cols, cols);
  };
  const Eigen::Map<const RowMajor> w(weight.data(), rows, cols);
  Matrix y = w * inputs(task).transpose();
  const double energy = y.cast<double>().norm();
  const LeftSvd known = left_svd(w * inputs(general).transpose());
  const Matrix g = known.u.leftCols(n_general(known.s, rows, r));
  for (int i = 0; i < 2; ++i) y -= g * (g.transpose() * y);  // twice: the first leaves rounding of the size of what it took
  const LeftSvd svd = left_svd(y);
  LowRank low{.b = std::vector<float>(n_out * rank), .a = std::vector<float>(rank * n_in), .rank = rank, .retained_energy = 1};
  for (Eigen::Index k = 0; k < std::min<Eigen::Index>(r, svd.s.size()) && svd.s(k) > 1e-5 * energy; ++k) {
    write_factors(low, k, svd.u.col(k), w.transpose() * svd.u.col(k));
  }
  return low;
}

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

double ridge_inverse(std::span<const float> inputs, size_t n_in, double ridge, std::vector<float>& inverse) {
  const auto cols = static_cast<Eigen::Index>(n_in), n = static_cast<Eigen::Index>(inputs.size() / n_in);
  Matrix gram = Matrix::Zero(n, n);
  gram.selfadjointView<Eigen::Lower>().rankUpdate(Eigen::Map<const RowMajor>(inputs.data(), n, cols));
  inverse.assign(static_cast<size_t>(n * n), 0.0f);
  const double lambda = ridge * gram.diagonal().cast<double>().mean();
  if (!(lambda > 0)) return 0;
  Eigen::MatrixXd shifted = gram.cast<double>();
  shifted.diagonal().array() += lambda;
  Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> cholesky(shifted);  // in place; reads the lower half
  if (cholesky.info() != Eigen::Success) {
    throw Error(ErrorCode::kInvalidArgument, "[distill] ridge " + std::to_string(ridge) + " is too small for these inputs", "--ridge 0.01");
  }
  Eigen::Map<Matrix>(inverse.data(), n, n) = cholesky.solve(Eigen::MatrixXd::Identity(n, n)).cast<float>();
  return lambda;
}

LowRank ridge_factors(std::span<const float> weight, size_t n_out, size_t n_in, std::span<const float> inputs,
                      std::span<const float> change, std::span<const float> inverse, double lambda, size_t rank, uint64_t seed,
                      const std::stop_token& stop) {
  const auto rows = static_cast<Eigen::Index>(n_out), cols = static_cast<Eigen::Index>(n_in), r = static_cast<Eigen::Index>(rank);
  const auto n = static_cast<Eigen::Index>(inputs.size() / n_in);
  if (weight.size() != n_out * n_in || inputs.empty() || inputs.size() % n_in != 0 || change.size() != inputs.size() ||
      static_cast<Eigen::Index>(inverse.size()) != n * n || rank == 0 || rank > std::min(n_out, n_in)) {
    throw Error(ErrorCode::kInvalidArgument, "[ridge_factors] sizes disagree: weight " + std::to_string(weight.size()) + ", inputs " +
                                                 std::to_string(inputs.size()) + ", change " + std::to_string(change.size()) + ", rank " +
                                                 std::to_string(rank));
  }
  LowRank low{.b = std::vector<float>(n_out * rank), .a = std::vector<float>(rank * n_in), .rank = rank, .retained_energy = 1};
  throw_if_stopped(stop);
  // Transposed throughout: tokens are rows.
  const Matrix wanted =
      Eigen::Map<const RowMajor>(change.data(), n, cols) * Eigen::Map<const RowMajor>(weight.data(), rows, cols).transpose();
  throw_if_stopped(stop);
  const Matrix solved = Eigen::Map<const Matrix>(inverse.data(), n, n) * wanted;
  const Matrix fitted = wanted - static_cast<float>(lambda) * solved;  // delta X^T of the unlimited delta
  const double energy = fitted.cwiseProduct(wanted).cast<double>().sum();
  if (!(energy > 0)) return low;

  const Eigen::Index sketch = std::min(r + Eigen::Index{kOversampling}, rows);
  Matrix q(rows, sketch);
  SeededRandom random(seed);
  for (Eigen::Index i = 0; i < q.size(); ++i) q.data()[i] = random.normal();
  for (int i = 0; i < 4; ++i) {  // each is a product with the matrix whose eigenvectors are sought
    throw_if_stopped(stop);
    q = orthonormal(Matrix(fitted.transpose() * (wanted * q)));
  }
  const Eigen::MatrixXd small = ((wanted * q).transpose() * (fitted * q)).cast<double>();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(0.5 * (small + small.transpose()));
  double kept = 0;
  for (Eigen::Index k = 0; k < std::min(r, sketch); ++k) {
    const double value = eigen.eigenvalues()(sketch - 1 - k);
    if (!(value > 1e-7 * energy)) break;  // rounding: the components stay 0
    kept += value;
    const Eigen::VectorXf u = q * eigen.eigenvectors().col(sketch - 1 - k).cast<float>();
    write_factors(low, k, u, Eigen::Map<const RowMajor>(inputs.data(), n, cols).transpose() * (solved * u));
  }
  low.retained_energy = std::min(1.0, kept / energy);
  return low;
}

}  // namespace aicoder::fragment
