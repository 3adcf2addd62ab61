#include "eval/guard_kl.h"

#include <algorithm>

#include "aicoder/fragment.h"

namespace aicoder::eval {

std::vector<double> guard_kl(LocalGenerator& generator, std::span<const FragmentChoice> candidates, std::span<const TextRecord> guard,
                             size_t max_tokens, const std::stop_token& stop) {
  std::vector<double> kl(candidates.size(), 0.0);
  size_t n = 0;
  for (const TextRecord& record : guard) {
    throw_if_stopped(stop);
    Context& off = generator.lane({});
    std::vector<Token> tokens = tokenize_record(*off.model(), record);
    tokens.resize(std::min({tokens.size(), max_tokens - n, off.n_ctx_seq()}));
    if (tokens.size() < 2) continue;
    const size_t n_vocab = off.model()->n_vocab();
    const std::vector<float> base = off.logits(tokens);
    for (size_t i = 0; i < kl.size(); ++i) {
      const auto on = generator.lane(candidates.subspan(i, 1)).logits(tokens);
      kl[i] += mean_kl(base, on, n_vocab) * static_cast<double>(tokens.size());
    }
    n += tokens.size();
    if (n + 2 > max_tokens) break;
  }
  for (double& sum : kl) sum /= static_cast<double>(std::max<size_t>(n, 1));
  return kl;
}

}  // namespace aicoder::eval
