// Uses Eigen: see eigen_parts.h for the rule.
#include "fragment/low_rank.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "fragment/eigen_parts.h"
#include "fragment/seeded_random.h"

namespace aicoder {
namespace {

using namespace fragment;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, "[weighted_low_rank] " + message); }

void check(std::span<const float> delta, size_t n_out, size_t n_in, std::span<const float> act_norm, size_t rank, int n_power) {
  if (n_out == 0 || n_in == 0 || delta.size() / n_in != n_out || delta.size() % n_in != 0) {
    refuse("delta: expected " + std::to_string(n_out) + " x " + std::to_string(n_in) + " values, found " + std::to_string(delta.size()));
  }
  if (act_norm.size() != n_in) {
    refuse("act_norm: expected " + std::to_string(n_in) + " values, found " + std::to_string(act_norm.size()));
  }
  if (rank == 0 || rank > std::min(n_out, n_in)) {
    refuse("rank: expected 1 to " + std::to_string(std::min(n_out, n_in)) + ", found " + std::to_string(rank));
  }
  if (n_power < 0 || n_power > 100) refuse("n_power: expected 0 to 100, found " + std::to_string(n_power));
  for (const float x : act_norm) {
    if (!std::isfinite(x) || x < 0) refuse("act_norm: expected finite and not negative, found " + std::to_string(x));
  }
  if (!std::all_of(delta.begin(), delta.end(), [](float v) { return std::isfinite(v); })) refuse("delta: expected finite values");
}

/// Component k of the factors.
void store_component(LowRank& result, Eigen::Index k, const Eigen::VectorXf& b_k, const Eigen::VectorXf& a_k) {
  const auto rank = static_cast<Eigen::Index>(result.rank);
  Eigen::Map<RowMajor> b(result.b.data(), b_k.size(), rank), a(result.a.data(), rank, a_k.size());
  const float share = balance(b_k.cwiseAbs().maxCoeff(), a_k.cwiseAbs().maxCoeff());
  b.col(k) = b_k * share;
  a.row(k) = a_k.transpose() / share;
}

Eigen::MatrixXd as_double(std::span<const float> values, size_t rows, size_t cols) {
  return Eigen::Map<const RowMajor>(values.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)).cast<double>();
}

}  // namespace

namespace fragment {

LowRank weighted_low_rank_in_place(std::span<float> delta, size_t n_out, size_t n_in, std::span<const float> act_norm, size_t rank,
                                   uint64_t seed, int n_power, const std::stop_token& stop) {
  check(delta, n_out, n_in, act_norm, rank, n_power);
  const auto rows = static_cast<Eigen::Index>(n_out), cols = static_cast<Eigen::Index>(n_in), r = static_cast<Eigen::Index>(rank);
  LowRank result{.b = std::vector<float>(n_out * rank), .a = std::vector<float>(rank * n_in), .rank = rank, .retained_energy = 1};

  // The floor keeps dead features from dividing by 0; relative, so that it means the same for sums over any number of tokens.
  Eigen::ArrayXf x = Eigen::Map<const Eigen::ArrayXf>(act_norm.data(), cols);
  x += 1e-6f * x.maxCoeff() + 1e-12f;
  Eigen::Map<RowMajor> m(delta.data(), rows, cols);
  double energy = 0;
  for (Eigen::Index i = 0; i < rows; ++i) {
    m.row(i).array() *= x.transpose();
    energy += m.row(i).cast<double>().squaredNorm();
  }
  if (!(energy > 0)) return result;

  const Eigen::Index sketch = std::min({r + static_cast<Eigen::Index>(kOversampling), rows, cols});
  Matrix omega(cols, sketch);
  SeededRandom random(seed);
  for (Eigen::Index i = 0; i < omega.size(); ++i) omega.data()[i] = random.normal();
  Matrix q = orthonormal(Matrix(m * omega));
  for (int i = 0; i < n_power; ++i) {
    throw_if_stopped(stop);
    q = orthonormal(Matrix(m * orthonormal(Matrix(m.transpose() * q))));
  }
  throw_if_stopped(stop);

  // q' m = R' P' with a thin QR of its transpose, so the SVD is of a [sketch, sketch] matrix, in double.
  const Matrix projected = m.transpose() * q;  // [n_in, sketch]
  const Matrix p = orthonormal(projected);
  const SmallSvd svd = small_svd((projected.transpose() * p).cast<double>());
  const Matrix u = q * svd.u.leftCols(r).cast<float>();  // [n_out, rank]
  const Matrix v = p * svd.v.leftCols(r).cast<float>();  // [n_in, rank]
  result.retained_energy = std::min(1.0, svd.s.head(r).squaredNorm() / energy);

  for (Eigen::Index k = 0; k < r; ++k) {
    store_component(result, k, u.col(k) * static_cast<float>(svd.s(k)), (v.col(k).array() / x).matrix());
  }
  return result;
}

LowRank truncate_product(const FactorView& product, size_t rank) {
  const size_t full = std::min({product.rank, product.n_out, product.n_in});
  if (rank == 0 || rank > full) refuse("rank: expected 1 to " + std::to_string(full) + ", found " + std::to_string(rank));
  LowRank result{
      .b = std::vector<float>(product.n_out * rank), .a = std::vector<float>(rank * product.n_in), .rank = rank, .retained_energy = 1};
  // B A = Qb (Rb Ra') Qa': its singular values are those of the small matrix in the middle.
  const Eigen::MatrixXd b = as_double(product.b, product.n_out, product.rank);
  const Eigen::MatrixXd a = as_double(product.a, product.rank, product.n_in).transpose();
  const Eigen::MatrixXd qb = orthonormal(b), qa = orthonormal(a);
  const SmallSvd svd = small_svd((qb.transpose() * b) * (qa.transpose() * a).transpose());
  const double energy = svd.s.squaredNorm();
  if (!(energy > 0)) return result;
  const auto r = static_cast<Eigen::Index>(rank);
  const Eigen::MatrixXd u = qb * svd.u.leftCols(r), v = qa * svd.v.leftCols(r);
  for (Eigen::Index k = 0; k < r; ++k) store_component(result, k, (u.col(k) * svd.s(k)).cast<float>(), v.col(k).cast<float>());
  result.retained_energy = std::min(1.0, svd.s.head(r).squaredNorm() / energy);
  return result;
}

double product_dot(const FactorView& x, const FactorView& y) {
  const Eigen::MatrixXd bb = as_double(x.b, x.n_out, x.rank).transpose() * as_double(y.b, y.n_out, y.rank);
  const Eigen::MatrixXd aa = as_double(x.a, x.rank, x.n_in) * as_double(y.a, y.rank, y.n_in).transpose();
  return bb.cwiseProduct(aa).sum();
}

}  // namespace fragment

LowRank weighted_low_rank(std::span<const float> delta, size_t n_out, size_t n_in, std::span<const float> act_norm, size_t rank,
                          uint64_t seed, int n_power) {
  std::vector<float> copy(delta.begin(), delta.end());
  return fragment::weighted_low_rank_in_place(copy, n_out, n_in, act_norm, rank, seed, n_power, {});
}

}  // namespace aicoder
