#pragma once

#include <array>
#include <vector>

#include "aicoder/eval.h"

namespace aicoder::eval {

/// 95 % interval of on / off - 1 of two losses of one text, paired by window. \throws as paired_ratio_interval.
inline std::array<double, 2> loss_change_interval(const PerplexityResult& off, const PerplexityResult& on) {
  const auto sums = [](const PerplexityResult& result) {
    std::vector<double> nll;
    for (const auto& window : result.windows) nll.push_back(window.nll);
    return nll;
  };
  return paired_ratio_interval(sums(off), sums(on));
}

}  // namespace aicoder::eval
