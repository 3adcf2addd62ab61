// What the files with Eigen share. Only they include this: no Eigen type leaves them, so their vector flags (CMakeLists.txt)
// cannot break an alignment elsewhere.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace aicoder::fragment {

using Matrix = Eigen::MatrixXf;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Columns beside the rank that the randomized range finder takes.
inline constexpr int kOversampling = 16;

/// Orthonormal basis of the columns of y, [rows, min(rows, cols)].
template <typename M>
M orthonormal(const M& y) {
  const Eigen::Index cols = std::min(y.rows(), y.cols());
  Eigen::HouseholderQR<M> qr(y);
  return qr.householderQ() * M::Identity(y.rows(), cols);
}

struct SmallSvd {
  Eigen::MatrixXd u, v;
  Eigen::VectorXd s;
};
inline SmallSvd small_svd(const Eigen::MatrixXd& m) {
  Eigen::BDCSVD<Eigen::MatrixXd> svd(m, Eigen::ComputeThinU | Eigen::ComputeThinV);
  if (svd.info() == Eigen::Success) return {svd.matrixU(), svd.matrixV(), svd.singularValues()};
  Eigen::JacobiSVD<Eigen::MatrixXd> slower(m, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {slower.matrixU(), slower.matrixV(), slower.singularValues()};
}

/// How a component is shared between its factors is free: equal largest values keep both well inside the range of F16.
inline float balance(float b_max, float a_max) { return b_max > 0 && a_max > 0 ? std::sqrt(a_max / b_max) : 1.0f; }

}  // namespace aicoder::fragment
