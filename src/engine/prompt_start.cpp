#include "engine/prompt_start.h"

#include <algorithm>

namespace aicoder {

size_t active_position(const Model& model, std::span<const ChatMessage> messages, std::span<const Token> prompt, size_t message) {
  if (message == 0 || messages.empty() || prompt.empty()) return 0;
  const auto before = model.chat_tokens(messages.first(std::min(message, messages.size())), false);
  // Some templates end what they are given in another way when more follows: only what both have alike is before the point.
  const size_t n = std::min(before.size(), prompt.size() - 1);
  const auto differs = std::mismatch(before.begin(), before.begin() + static_cast<ptrdiff_t>(n), prompt.begin()).first;
  return static_cast<size_t>(differs - before.begin());
}

}  // namespace aicoder
