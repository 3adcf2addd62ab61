#include <algorithm>
#include <cmath>

#include "aicoder/fragment.h"

namespace aicoder {
namespace {

double log_total(std::span<const float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float x : logits) total += std::exp(static_cast<double>(x - largest));
  return std::log(total) + static_cast<double>(largest);
}

}  // namespace

double mean_kl(std::span<const float> base, std::span<const float> changed, size_t n_vocab) {
  if (n_vocab == 0 || base.size() != changed.size() || base.size() % n_vocab != 0) {
    throw Error(ErrorCode::kInvalidArgument, "[mean_kl] expected two [n, " + std::to_string(n_vocab) + "], found " +
                                                 std::to_string(base.size()) + " and " + std::to_string(changed.size()) + " logits");
  }
  // exp(-30) of a whole vocabulary adds less than 1e-8 nats.
  constexpr double kNegligible = -30;
  double sum = 0;
  const size_t n = base.size() / n_vocab;
  for (size_t row = 0; row < n; ++row) {
    const auto p = base.subspan(row * n_vocab, n_vocab), q = changed.subspan(row * n_vocab, n_vocab);
    const double p_total = log_total(p), q_total = log_total(q);
    for (size_t i = 0; i < n_vocab; ++i) {
      const double log_p = static_cast<double>(p[i]) - p_total;
      if (log_p > kNegligible) sum += std::exp(log_p) * (log_p - (static_cast<double>(q[i]) - q_total));
    }
  }
  return n == 0 ? 0 : sum / static_cast<double>(n);
}

}  // namespace aicoder
