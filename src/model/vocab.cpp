// Text to tokens and back.
#include <limits>

#include "model/model_impl.h"

namespace aicoder {

std::vector<Token> Model::tokenize(std::string_view text, const TokenizeOptions& options) const {
  if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 2)) {
    throw Error(ErrorCode::kResourceExhausted, "[tokenize] text of " + std::to_string(text.size()) + " bytes, the limit is 1 GiB");
  }
  // A token stands for at least one byte, and at most a few are added.
  std::vector<Token> tokens(text.size() + 8);
  int32_t n = llama_tokenize(impl_->vocab, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                             static_cast<int32_t>(tokens.size()), options.add_special, options.parse_special);
  if (n < 0 && n != std::numeric_limits<int32_t>::min()) {
    tokens.resize(static_cast<size_t>(-n));
    n = llama_tokenize(impl_->vocab, text.data(), static_cast<int32_t>(text.size()), tokens.data(), static_cast<int32_t>(tokens.size()),
                       options.add_special, options.parse_special);
  }
  if (n < 0) throw Error(ErrorCode::kResourceExhausted, "[tokenize] the text has more tokens than can be counted");
  tokens.resize(static_cast<size_t>(n));
  return tokens;
}

std::string Model::piece(Token token, bool show_special) const {
  if (token < 0 || static_cast<size_t>(token) >= n_vocab()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[piece] token " + std::to_string(token) + " is not in the vocabulary of " + std::to_string(n_vocab()));
  }
  std::string text(32, '\0');
  int32_t n = llama_token_to_piece(impl_->vocab, token, text.data(), static_cast<int32_t>(text.size()), 0, show_special);
  if (n < 0) {
    text.resize(static_cast<size_t>(-n));
    n = llama_token_to_piece(impl_->vocab, token, text.data(), static_cast<int32_t>(text.size()), 0, show_special);
  }
  text.resize(static_cast<size_t>(n < 0 ? 0 : n));
  return text;
}

std::string Model::detokenize(std::span<const Token> tokens, bool show_special) const {
  for (Token token : tokens) {
    if (token < 0 || static_cast<size_t>(token) >= n_vocab()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "[detokenize] token " + std::to_string(token) + " is not in the vocabulary of " + std::to_string(n_vocab()));
    }
  }
  std::string text(tokens.size() * 8 + 16, '\0');
  auto run = [&] {
    return llama_detokenize(impl_->vocab, tokens.data(), static_cast<int32_t>(tokens.size()), text.data(),
                            static_cast<int32_t>(text.size()), /*remove_special=*/false, show_special);
  };
  int32_t n = run();
  if (n < 0) {
    text.resize(static_cast<size_t>(-n));
    n = run();
  }
  text.resize(static_cast<size_t>(n < 0 ? 0 : n));
  return text;
}

bool Model::is_end(Token token) const noexcept {
  return token >= 0 && token < llama_vocab_n_tokens(impl_->vocab) && llama_vocab_is_eog(impl_->vocab, token);
}

std::optional<Token> Model::bos() const noexcept {
  Token token = llama_vocab_bos(impl_->vocab);
  if (token == LLAMA_TOKEN_NULL) return std::nullopt;
  return token;
}

}  // namespace aicoder
