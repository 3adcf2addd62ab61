// Second moments of one input of linear layers while text is read. Private to src/fragment.
#pragma once

#include <span>
#include <vector>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// Up to this width the whole matrix of products, n_in^2 floats, costs less time than a sketch of 128 rows that is reduced again and again:
/// the sketch has a price per row that does not shrink with the width. 16 MiB an input at most, so that a model of 3B with 108 such
/// inputs takes 1.8 GB; wider ones, as those of 7B, go through a sketch from the start.
inline constexpr size_t kWholeWidth = 2048;

/// One thread at a time.
class Moments {
 public:
  Moments(size_t n_in, size_t size) : sketch_{.n_in = n_in, .size = size, .rows = {}} {}
  /// \param rows  [n, n_in]. \throws as InputSketch::append
  void append(std::span<const float> rows);
  /// At most `size` rows and their error; then nothing is held any more. \throws Error(kFailedPrecondition) where products overflow.
  InputSketch finish();

 private:
  InputSketch sketch_;           ///< holds the rows themselves until there are more than its size
  std::vector<float> products_;  ///< lower half of X^T X; empty: not begun
};

}  // namespace aicoder::fragment
