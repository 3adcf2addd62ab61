#include <cmath>
#include <string>

#include "aicoder/fragment.h"

namespace aicoder {

std::vector<float> wanda_score(std::span<const float> weight, std::span<const float> act_norm) {
  if (act_norm.empty() || weight.size() % act_norm.size() != 0) {
    throw Error(ErrorCode::kInvalidArgument, "[wanda_score] expected weights in rows of " + std::to_string(act_norm.size()) +
                                                 " inputs, found " + std::to_string(weight.size()) + " weights");
  }
  const size_t n_in = act_norm.size();
  for (size_t j = 0; j < n_in; ++j) {
    if (!std::isfinite(act_norm[j]) || act_norm[j] < 0) {
      throw Error(ErrorCode::kInvalidArgument, "[wanda_score] norm of input " + std::to_string(j) +
                                                   ": expected finite and not negative, found " + std::to_string(act_norm[j]));
    }
  }
  std::vector<float> score(weight.size());
  for (size_t row = 0; row < weight.size(); row += n_in) {
    for (size_t j = 0; j < n_in; ++j) score[row + j] = std::abs(weight[row + j]) * act_norm[j];
  }
  return score;
}

}  // namespace aicoder
