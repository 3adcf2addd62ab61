#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include "aicoder/fragment.h"

namespace aicoder {
namespace {

/// The k-th largest of non-negative floats, given as their bits, which order as the floats do.
/// One counting pass over the exponent and 3 bits of the fraction leaves a few percent of the values to select among:
/// several times faster on rows of thousands than selecting among all, and whole models are ranked row by row.
class KthLargest {
 public:
  uint32_t find(std::span<const uint32_t> values, size_t k) {
    counts_.fill(0);
    for (const uint32_t v : values) ++counts_[v >> kShift];
    size_t bucket = counts_.size() - 1;
    while (counts_[bucket] < k) k -= counts_[bucket--];
    candidates_.clear();
    for (const uint32_t v : values) {
      if (v >> kShift == bucket) candidates_.push_back(v);
    }
    const auto kth = candidates_.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(candidates_.begin(), kth, candidates_.end(), std::greater<>());
    return *kth;
  }

 private:
  static constexpr unsigned kShift = 20;
  std::array<uint32_t, size_t{1} << (31 - kShift)> counts_{};
  std::vector<uint32_t> candidates_;
};

}  // namespace

std::vector<bool> top_mask(std::span<const float> score, size_t n_in, double keep) {
  if (n_in == 0 || score.size() % n_in != 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "[top_mask] expected scores in rows of " + std::to_string(n_in) + ", found " + std::to_string(score.size()) + " scores");
  }
  if (!(keep > 0 && keep <= 1)) {  // written so that NaN is refused
    throw Error(ErrorCode::kInvalidArgument, "[top_mask] keep: expected a share in (0, 1], found " + std::to_string(keep), "--keep 0.2");
  }
  const size_t k = std::max<size_t>(1, static_cast<size_t>(keep * static_cast<double>(n_in)));
  std::vector<bool> mask(score.size());
  std::vector<uint32_t> row(n_in);
  KthLargest kth_largest;
  for (size_t start = 0; start < score.size(); start += n_in) {
    bool valid = true;
    for (size_t j = 0; j < n_in; ++j) {
      const float s = score[start + j] + 0.0f;  // -0 becomes 0, whose bits order
      valid &= s >= 0;
      row[j] = std::bit_cast<uint32_t>(s);
    }
    if (!valid) {
      throw Error(ErrorCode::kInvalidArgument, "[top_mask] expected scores that are not negative, found one that is or is not a number");
    }
    const uint32_t cut = kth_largest.find(row, k);
    size_t room_for_ties = k;  // places left for scores equal to the cut once all greater ones are in
    for (const uint32_t s : row) room_for_ties -= s > cut ? 1 : 0;
    for (size_t j = 0; j < n_in; ++j) {
      const bool tie = row[j] == cut && room_for_ties > 0;
      room_for_ties -= tie ? 1 : 0;
      mask[start + j] = row[j] > cut || tie;
    }
  }
  return mask;
}

}  // namespace aicoder
