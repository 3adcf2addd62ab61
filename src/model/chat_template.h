// Chat messages to prompt text, without a model: what Model::apply_chat_template is made of. See docs/decisions/0004-chat-templates.md.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "aicoder/model.h"

namespace aicoder {

struct ChatTemplateInput {
  std::span<const ChatMessage> messages;
  bool add_assistant = true;            ///< end with what begins the assistant's turn
  std::optional<std::string> bos, eos;  ///< text of the tokens, as the template's bos_token and eos_token; none: undefined there
};

/// The model's own Jinja template with the variables that transformers gives it (tools and documents are none).
/// \throws Error as jinja::Template.
std::string render_chat_template(const std::string& source, const ChatTemplateInput& input);

/// llama.cpp's built-in format for templates it recognises by their content; nullopt when it does not. It writes no BOS.
std::optional<std::string> builtin_chat_template(const std::string& source, const ChatTemplateInput& input);

}  // namespace aicoder
