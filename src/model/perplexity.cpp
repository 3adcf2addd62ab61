// Perplexity as every report of aicoder states it.
#include <algorithm>
#include <cmath>

#include "aicoder/model.h"

namespace aicoder {

// Each record is tokenized by itself and cut into windows of n_window tokens that do not overlap. In each window every token
// after the first is predicted from those before it in the window. The mean is over predicted tokens of all windows.
PerplexityResult perplexity(Context& context, std::span<const TextRecord> records, size_t n_window, size_t max_tokens,
                            const ProgressFn& progress, const std::stop_token& stop) {
  if (n_window < 2)
    throw Error(ErrorCode::kInvalidArgument, "[perplexity] a window of " + std::to_string(n_window) + " tokens, expected at least 2");
  n_window = std::min(n_window, context.n_ctx_seq());
  std::vector<std::vector<Token>> texts;
  size_t total = 0;
  for (const auto& record : records) {
    throw_if_stopped(stop);
    texts.push_back(tokenize_record(*context.model(), record));
    total += texts.back().size();
    if (max_tokens > 0 && total >= 2 * max_tokens + n_window) break;  // more cannot be needed: a window of 2 predicts one of its two
  }
  const size_t target = max_tokens > 0 ? std::min(max_tokens, total) : total;

  PerplexityResult result;
  LogLikelihood sum;
  for (const auto& tokens : texts) {
    for (size_t begin = 0; begin + 1 < tokens.size(); begin += n_window) {
      throw_if_stopped(stop);
      size_t n = std::min(n_window, tokens.size() - begin);
      if (max_tokens > 0) n = std::min(n, max_tokens - sum.tokens + 1);
      const auto part = context.log_likelihood(std::span(tokens).subspan(begin, n), 1, stop);
      sum.nll += part.nll;
      sum.tokens += part.tokens;
      result.windows.push_back(part);
      if (progress) progress({"perplexity", static_cast<double>(std::min(sum.tokens, target)), static_cast<double>(target), "tokens"});
      if (max_tokens > 0 && sum.tokens >= max_tokens) break;
    }
    if (max_tokens > 0 && sum.tokens >= max_tokens) break;
  }
  if (sum.tokens == 0)
    throw Error(ErrorCode::kInvalidArgument, "[perplexity] the text has no token to predict (at least 2 tokens are needed)");
  result.tokens = sum.tokens;
  result.nll = sum.nll / static_cast<double>(sum.tokens);
  result.perplexity = std::exp(result.nll);
  return result;
}

}  // namespace aicoder
