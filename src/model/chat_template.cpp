#include "model/chat_template.h"

#include <llama.h>

#include <algorithm>

#include "model/jinja.h"
#include "model/model_impl.h"

namespace aicoder {

std::string render_chat_template(const std::string& source, const ChatTemplateInput& input) {
  using jinja::Value;
  const jinja::Template parsed = jinja::Template::parse(source);
  std::vector<Value> messages;
  for (const ChatMessage& message : input.messages) {
    messages.push_back(Value::dict({{Value("role"), Value(message.role)}, {Value("content"), Value(message.content)}}));
  }
  jinja::Template::Variables variables = {
      {"messages", Value::list(std::move(messages))},
      {"tools", Value(jinja::None{})},
      {"documents", Value(jinja::None{})},
      {"add_generation_prompt", Value(input.add_assistant)},
  };
  if (input.bos) variables.emplace_back("bos_token", Value(*input.bos));
  if (input.eos) variables.emplace_back("eos_token", Value(*input.eos));
  return parsed.render(variables);
}

std::optional<std::string> builtin_chat_template(const std::string& source, const ChatTemplateInput& input) {
  std::vector<llama_chat_message> chat;
  for (const ChatMessage& message : input.messages) chat.push_back({message.role.c_str(), message.content.c_str()});
  const auto run = [&](std::string& text) {
    return llama_chat_apply_template(source.c_str(), chat.data(), chat.size(), input.add_assistant, text.data(),
                                     static_cast<int32_t>(text.size()));
  };
  std::string text;
  const int32_t n = run(text);
  if (n < 0) return std::nullopt;
  text.resize(static_cast<size_t>(n) + 1);  // strncpy ends the text with 0 where there is room
  run(text);
  text.resize(static_cast<size_t>(n));
  return text;
}

namespace {

std::optional<std::string> token_text(const llama_vocab* vocab, llama_token token) {
  if (token == LLAMA_TOKEN_NULL) return std::nullopt;
  return std::string(llama_vocab_get_text(vocab, token));
}

/// Those that parse_special turns on; user-defined tokens are read in any text.
ControlTexts control_texts_of(const llama_vocab* vocab) {
  constexpr int kParsed = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN;
  std::vector<std::string> texts;
  for (Token token = 0; token < llama_vocab_n_tokens(vocab); ++token) {
    if ((llama_vocab_get_attr(vocab, token) & kParsed) != 0) texts.emplace_back(llama_vocab_get_text(vocab, token));
  }
  return ControlTexts(texts);
}

}  // namespace

std::string Model::apply_chat_template(std::span<const ChatMessage> messages, bool add_assistant) const {
  if (messages.empty()) throw Error(ErrorCode::kInvalidArgument, "[chat template] expected at least one message, found none");
  const llama_vocab* vocab = impl_->vocab;
  ChatTemplateInput input{.messages = messages, .add_assistant = add_assistant, .bos = {}, .eos = {}};
  input.bos = token_text(vocab, llama_vocab_bos(vocab));
  input.eos = token_text(vocab, llama_vocab_eos(vocab));

  const std::optional<std::string> source = file().get_string("tokenizer.chat_template");
  std::string builtin = "chatml";
  if (source && !source->empty()) {
    try {
      return render_chat_template(*source, input);
    } catch (const Error& error) {
      // Only what our subset does not know may fall through: a refusal by the template or a limit is the answer.
      if (error.code() != ErrorCode::kUnimplemented) throw;
      if (!builtin_chat_template(*source, input)) throw;
      log(LogLevel::kWarn, std::string(error.what()) + "; llama.cpp's own format for this template is used instead");
      builtin = *source;
    }
  } else if (tokenize("<|im_start|>", {.add_special = false, .parse_special = true}).size() != 1) {
    throw Error(ErrorCode::kFailedPrecondition,
                "[chat template] " + path().string() +
                    " has no chat template and its vocabulary has no <|im_start|>, so how it takes messages is unknown",
                "use an instruction-tuned model, or give plain text instead of messages");
  }
  // Unlike templates, llama.cpp's formats leave the BOS to the tokenizer; our callers tokenize without it.
  std::string text = builtin_chat_template(builtin, input).value();
  if (llama_vocab_get_add_bos(vocab) && input.bos && !text.starts_with(*input.bos)) text.insert(0, *input.bos);
  return text;
}

std::vector<Token> Model::chat_tokens(std::span<const ChatMessage> messages, bool add_assistant, std::string_view assistant_prefix) const {
  std::call_once(impl_->control_texts_once, [&] { impl_->control_texts = control_texts_of(impl_->vocab); });
  constexpr TokenizeOptions kParse = {.add_special = false, .parse_special = true};
  const ControlTexts& control = impl_->control_texts;
  std::vector<std::string_view> all = {assistant_prefix};
  for (const ChatMessage& message : messages) all.insert(all.end(), {message.role, message.content});
  const bool harmless = std::none_of(all.begin(), all.end(), [&](std::string_view text) { return control.contains_any(text); });
  if (harmless) return tokenize(apply_chat_template(messages, add_assistant).append(assistant_prefix), kParse);

  const std::string mark = unused_mark(all);
  std::vector<ChatMessage> guarded;
  for (const ChatMessage& message : messages) guarded.push_back({control.guard(message.role, mark), control.guard(message.content, mark)});
  const std::string text = apply_chat_template(guarded, add_assistant) + control.guard(assistant_prefix, mark);
  std::vector<Token> tokens;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(mark, begin), text.size());
    const auto part = tokenize(std::string_view(text).substr(begin, end - begin), kParse);
    tokens.insert(tokens.end(), part.begin(), part.end());
    begin = end + mark.size();
  }
  return tokens;
}

}  // namespace aicoder
