// Python tokens of one expression or one file, with offsets. Enough to tell code from prose; not a parser of whole programs.
#pragma once

#include <cstddef>
#include <string_view>

namespace aicoder::agent {

enum class TokenKind { kName, kNumber, kString, kOperator, kNewline, kComment, kEnd, kError };

struct PythonToken {
  TokenKind kind = TokenKind::kEnd;
  size_t begin = 0, end = 0;
  std::string_view text;
  bool is(std::string_view what) const { return (kind == TokenKind::kOperator || kind == TokenKind::kName) && text == what; }
};

/// Reads tokens one by one. Newlines inside brackets are not tokens, as in Python; a backslash joins lines.
class PythonLexer {
 public:
  explicit PythonLexer(std::string_view text, size_t begin = 0) : text_(text), at_(begin) {}
  PythonToken next();
  size_t depth() const noexcept { return depth_; }  ///< open brackets

 private:
  PythonToken make(TokenKind kind, size_t begin, size_t end) const { return {kind, begin, end, text_.substr(begin, end - begin)}; }
  PythonToken string_token(size_t begin, size_t quote);
  std::string_view text_;
  size_t at_;
  size_t depth_ = 0;
};

bool is_identifier_start(char c) noexcept;
bool is_identifier_char(char c) noexcept;
bool is_python_keyword(std::string_view name) noexcept;
/// A name every Python program has without defining it: `len`, `print`, `sorted`.
bool is_python_builtin(std::string_view name) noexcept;

}  // namespace aicoder::agent
