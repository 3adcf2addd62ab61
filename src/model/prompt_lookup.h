// Drafts out of what was read and written already. Private to src/model.
#pragma once

#include <span>

#include "aicoder/model.h"

namespace aicoder {

/// The most tokens a draft may have: its logits must fit the outputs of one decode beside the next token's.
constexpr size_t kMostLookup = 64;

/// What followed the last tokens of `tokens` where they stood before: after the longest match of 3 to 8 of them, the latest of equally
/// long ones. At most `most` tokens; empty: they never stood before. O(tokens.size()).
/// Source: prompt lookup decoding, Saxena 2023; the length of the match varies here, there it is fixed.
std::span<const Token> look_up(std::span<const Token> tokens, size_t most);

/// How long the next draft may be: doubled by one that was right to its end, else cut to one more than what was right of it, so that
/// text which does not repeat itself costs little.
size_t next_draft_limit(size_t limit, size_t drafted, size_t accepted, size_t most);

}  // namespace aicoder
