#include <algorithm>
#include <cmath>
#include <string>

#include "aicoder/fragment.h"

namespace aicoder {

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
  std::vector<float> row(n_in);
  for (size_t start = 0; start < score.size(); start += n_in) {
    std::copy_n(score.begin() + static_cast<std::ptrdiff_t>(start), n_in, row.begin());
    // A NaN would break the order that nth_element needs.
    if (std::any_of(row.begin(), row.end(), [](float s) { return !(s >= 0); })) {
      throw Error(ErrorCode::kInvalidArgument, "[top_mask] expected scores that are not negative, found one that is or is not a number");
    }
    std::nth_element(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(k - 1), row.end(), std::greater<>());
    const float cut = row[k - 1];
    size_t room_for_ties = k;  // places left for scores equal to the cut once all greater ones are in
    for (size_t j = 0; j < k; ++j) room_for_ties -= row[j] > cut ? 1 : 0;
    for (size_t j = 0; j < n_in; ++j) {
      const float s = score[start + j];
      if (s > cut) {
        mask[start + j] = true;
      } else if (s == cut && room_for_ties > 0) {
        mask[start + j] = true;
        --room_for_ties;
      }
    }
  }
  return mask;
}

}  // namespace aicoder
