// Splits a template into text and tokens, with Jinja2's whitespace rules under trim_blocks and lstrip_blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::jinja {

enum class TokenType { kData, kVariableBegin, kVariableEnd, kBlockBegin, kBlockEnd, kName, kString, kInteger, kFloat, kOperator, kEnd };

struct Token {
  TokenType type = TokenType::kEnd;
  std::string text;  ///< data, a name, the unescaped string, or the operator
  int64_t integer = 0;
  double number = 0;
  size_t line = 1;
};

/// The last token is kEnd. \throws Error(kUnimplemented) naming the line.
std::vector<Token> tokenize(std::string_view source);

/// What kUnimplemented errors of lexer and parser look like.
[[noreturn]] void fail_parse(size_t line, const std::string& message);

}  // namespace aicoder::jinja
