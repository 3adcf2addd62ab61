// How far a summary B of second moments is from those of X, by numpy.
#pragma once

#include <string>
#include <vector>

#include "aicoder/fragment.h"
#include "fragment/oracle.h"
#include "support/test_model.h"

namespace aicoder::test {

struct MomentsApart {
  double smallest, largest, total;  ///< eigenvalues of X^T X - B^T B; ||X||_F^2
};
/// \param rows  of X, [n, sketch.n_in]
inline MomentsApart moments_apart(const std::vector<float>& rows, const InputSketch& sketch) {
  TempDir dir;
  write_raw(dir / "x", rows);
  write_raw(dir / "b", sketch.rows);
  run_oracle({"moments_apart", dir.path(), std::to_string(sketch.n_in)});
  const auto result = read_raw<double>(dir / "apart");
  return {result.at(0), result.at(1), result.at(2)};
}

}  // namespace aicoder::test
