// From which token on a fragment set is active. Private to src/engine.
#pragma once

#include <span>

#include "aicoder/model.h"

namespace aicoder {

/// \param message  the first message that is seen; messages.size() or more: from the answer on
/// \return a position in `prompt`, which is model.chat_tokens(messages, true, ...); at most its last: the answer's first token is
/// chosen there.  \throws as Model::chat_tokens.
size_t active_position(const Model& model, std::span<const ChatMessage> messages, std::span<const Token> prompt, size_t message);

}  // namespace aicoder
