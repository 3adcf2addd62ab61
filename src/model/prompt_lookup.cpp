#include "model/prompt_lookup.h"

#include <algorithm>

namespace aicoder {
namespace {

constexpr size_t kLeastMatch = 3;  // two tokens match by chance in any longer text, and a wrong draft costs compute
constexpr size_t kMostMatch = 8;

}  // namespace

std::span<const Token> look_up(std::span<const Token> tokens, size_t most) {
  const size_t n = tokens.size();
  if (most == 0 || n <= kLeastMatch) return {};
  size_t best = 0, best_end = 0;
  // `end` is one past a possible match: before it at least kLeastMatch tokens, behind it at least one to draft.
  for (size_t end = n - 1; end >= kLeastMatch && best < kMostMatch; --end) {
    size_t length = 0;
    while (length < std::min(kMostMatch, end) && tokens[end - 1 - length] == tokens[n - 1 - length]) ++length;
    if (length > best) best = length, best_end = end;
  }
  if (best < kLeastMatch) return {};
  return tokens.subspan(best_end, std::min(most, n - best_end));
}

size_t next_draft_limit(size_t limit, size_t drafted, size_t accepted, size_t most) {
  if (drafted == 0) return limit;
  return std::clamp<size_t>(accepted == drafted ? 2 * limit : accepted + 1, 1, most);
}

}  // namespace aicoder
