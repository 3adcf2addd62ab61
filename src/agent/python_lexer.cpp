#include "agent/python_lexer.h"

#include <algorithm>
#include <array>
#include <string>

namespace aicoder::agent {
namespace {

constexpr std::array<std::string_view, 35> kKeywords = {
    "False",  "None",     "True", "and",    "as",      "assert", "async",  "await",  "break", "class",  "continue", "def",
    "del",    "elif",     "else", "except", "finally", "for",    "from",   "global", "if",    "import", "in",       "is",
    "lambda", "nonlocal", "not",  "or",     "pass",    "raise",  "return", "try",    "while", "with",   "yield"};

constexpr std::array<std::string_view, 62> kBuiltins = {
    "abs",     "all",     "any",    "ascii",     "bin",   "bool",       "bytearray", "bytes", "callable",   "chr",        "complex",
    "dict",    "dir",     "divmod", "enumerate", "eval",  "exec",       "filter",    "float", "format",     "frozenset",  "getattr",
    "globals", "hasattr", "hash",   "help",      "hex",   "id",         "input",     "int",   "isinstance", "issubclass", "iter",
    "len",     "list",    "locals", "map",       "max",   "memoryview", "min",       "next",  "object",     "oct",        "open",
    "ord",     "pow",     "print",  "property",  "range", "repr",       "reversed",  "round", "set",        "setattr",    "slice",
    "sorted",  "str",     "sum",    "super",     "tuple", "type",       "vars"};

constexpr std::array<std::string_view, 4> kThree = {"**=", "//=", ">>=", "<<="};
constexpr std::array<std::string_view, 19> kTwo = {
    "==", "!=", "<=", ">=", "->", "**", "//", "<<", ">>", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@="};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_identifier_start(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_identifier_char(char c) noexcept { return is_identifier_start(c) || is_digit(c); }
bool is_python_keyword(std::string_view name) noexcept { return std::find(kKeywords.begin(), kKeywords.end(), name) != kKeywords.end(); }
bool is_python_builtin(std::string_view name) noexcept { return std::find(kBuiltins.begin(), kBuiltins.end(), name) != kBuiltins.end(); }

PythonToken PythonLexer::string_token(size_t begin, size_t quote) {
  char mark = text_[quote];
  bool triple = text_.substr(quote, 3) == std::string(3, mark);
  at_ = quote + (triple ? 3 : 1);
  while (at_ < text_.size()) {
    if (text_[at_] == '\\') {
      at_ = std::min(at_ + 2, text_.size());
    } else if (triple ? text_.substr(at_, 3) == std::string(3, mark) : text_[at_] == mark) {
      at_ += triple ? 3 : 1;
      return make(TokenKind::kString, begin, at_);
    } else if (!triple && text_[at_] == '\n') {
      return make(TokenKind::kError, begin, at_);
    } else {
      ++at_;
    }
  }
  return make(TokenKind::kError, begin, at_);
}

PythonToken PythonLexer::next() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || (c == '\n' && depth_ > 0)) {
      ++at_;
    } else if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') {
      at_ += 2;
    } else {
      break;
    }
  }
  size_t begin = at_;
  if (at_ >= text_.size()) return make(TokenKind::kEnd, begin, begin);
  char c = text_[at_];
  if (c == '\n') return make(TokenKind::kNewline, begin, ++at_);
  if (c == '#') {
    at_ = std::min(text_.find('\n', at_), text_.size());
    return depth_ > 0 ? next() : make(TokenKind::kComment, begin, at_);
  }
  if (is_identifier_start(c)) {
    while (at_ < text_.size() && is_identifier_char(text_[at_])) ++at_;
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'') && at_ - begin <= 2) {
      std::string_view prefix = text_.substr(begin, at_ - begin);
      bool known =
          std::all_of(prefix.begin(), prefix.end(), [](char p) { return std::string_view("rRbBfFuU").find(p) != std::string_view::npos; });
      if (known) return string_token(begin, at_);
    }
    return make(TokenKind::kName, begin, at_);
  }
  // Letters beyond ASCII may be identifiers in Python; here they are prose (Korean text beside code), so they are an error token.
  if (static_cast<unsigned char>(c) >= 0x80) {
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) >= 0x80) ++at_;
    return make(TokenKind::kError, begin, at_);
  }
  if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
    bool hex = c == '0' && at_ + 1 < text_.size() && (text_[at_ + 1] == 'x' || text_[at_ + 1] == 'X');
    while (at_ < text_.size()) {
      char d = text_[at_];
      bool exponent_sign = !hex && (d == '+' || d == '-') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
      // "3." at the end of a sentence: the point belongs to the prose unless a digit or an operator follows.
      bool point = d == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]);
      if (!is_identifier_char(d) && !exponent_sign && !point) break;
      ++at_;
    }
    std::string_view number = text_.substr(begin, at_ - begin);
    bool good = hex || std::all_of(number.begin(), number.end(), [](char d) {
                  return is_digit(d) || std::string_view("._eE+-jJoOxXbBabcdfABCDF").find(d) != std::string_view::npos;
                });
    return make(good ? TokenKind::kNumber : TokenKind::kError, begin, at_);
  }
  if (c == '"' || c == '\'') return string_token(begin, at_);
  if (c == '(' || c == '[' || c == '{') {
    ++depth_;
    return make(TokenKind::kOperator, begin, ++at_);
  }
  if (c == ')' || c == ']' || c == '}') {
    if (depth_ > 0) --depth_;
    return make(TokenKind::kOperator, begin, ++at_);
  }
  if (text_.substr(at_, 3) == "...") return make(TokenKind::kOperator, begin, at_ += 3);
  for (std::string_view op : kThree) {
    if (text_.substr(at_, 3) == op) return make(TokenKind::kOperator, begin, at_ += 3);
  }
  for (std::string_view op : kTwo) {
    if (text_.substr(at_, 2) == op) return make(TokenKind::kOperator, begin, at_ += 2);
  }
  if (std::string_view("+-*/%@<>&|^~=.,:;").find(c) != std::string_view::npos) return make(TokenKind::kOperator, begin, ++at_);
  return make(TokenKind::kError, begin, ++at_);
}

}  // namespace aicoder::agent
