#include "model/jinja_lexer.h"

#include <array>
#include <charconv>
#include <optional>

#include "aicoder/core.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

void fail_parse(size_t line, const std::string& message) {
  throw Error(ErrorCode::kUnimplemented, "[chat template] line " + std::to_string(line) + ": " + message);
}

namespace {

/// Jinja2 works on "\n" only and drops one newline at the end of the template.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out.push_back(source[i]);
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) text_and_tag();
    emit(TokenType::kEnd, {});
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  bool starts(std::string_view what) const { return std::string_view(source_).substr(at_).starts_with(what); }

  void emit(TokenType type, std::string text) { tokens_.push_back({.type = type, .text = std::move(text), .line = line_}); }

  /// Moves on, counting lines; remembers whether the piece ended a line, which lstrip_blocks needs.
  void advance(size_t n) {
    for (size_t i = 0; i < n; ++i) line_ += source_[at_ + i] == '\n' ? 1 : 0;
    if (n > 0) line_starting_ = source_[at_ + n - 1] == '\n';
    at_ += n;
  }

  /// Text up to the next tag, then that tag.
  void text_and_tag() {
    size_t tag = at_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos) {
        emit(TokenType::kData, source_.substr(at_));
        advance(source_.size() - at_);
        return;
      }
      const char next = tag + 1 < source_.size() ? source_[tag + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') break;
    }
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const bool has_sign = sign == '-' || sign == '+';
    std::string text = stripped(std::string_view(source_).substr(at_, tag - at_), has_sign ? sign : '\0', kind != '{');
    if (!text.empty()) emit(TokenType::kData, std::move(text));
    advance(tag - at_);
    if (kind == '%' && raw_block()) return;
    advance(has_sign ? 3 : 2);
    if (kind == '#') {
      comment();
    } else {
      emit(kind == '{' ? TokenType::kVariableBegin : TokenType::kBlockBegin, {});
      inside_tag(kind == '{');
    }
  }

  std::string stripped(std::string_view text, char sign, bool may_lstrip) const {
    if (sign == '-') return std::string(text.substr(0, text.size() - trailing_space(text)));
    if (sign != '+' && may_lstrip) {
      const size_t newline = text.rfind('\n');
      const size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
      const std::string_view rest = text.substr(line_start);
      if ((line_start > 0 || line_starting_) && leading_space(rest) == rest.size()) return std::string(text.substr(0, line_start));
    }
    return std::string(text);
  }

  /// Length of an end mark at the cursor with the whitespace it takes along, or 0.
  size_t end_mark(std::string_view mark, bool plus_allowed, bool trims_newline) const {
    const std::string_view rest = std::string_view(source_).substr(at_);
    if (rest.starts_with('-') && rest.substr(1).starts_with(mark)) {
      const size_t n = 1 + mark.size();
      return n + leading_space(rest.substr(n));
    }
    if (plus_allowed && rest.starts_with('+') && rest.substr(1).starts_with(mark)) return 1 + mark.size();
    if (!rest.starts_with(mark)) return 0;
    const size_t n = mark.size();
    return n + (trims_newline && rest.substr(n).starts_with('\n') ? 1 : 0);
  }

  void comment() {
    const size_t start_line = line_;
    while (at_ < source_.size()) {
      if (const size_t n = end_mark("#}", true, true); n > 0) {
        advance(n);
        return;
      }
      advance(1);
    }
    fail_parse(start_line, "a comment '{#' is not closed");
  }

  /// `{% raw %} ... {% endraw %}` at the cursor: its text is data. False when it is another tag.
  bool raw_block() {
    const size_t open = word_tag(at_, "raw", false);
    if (open == 0) return false;
    const size_t start_line = line_;
    advance(open);
    for (size_t end = at_; (end = source_.find("{%", end)) != std::string::npos; end += 2) {
      const size_t close = word_tag(end, "endraw", true);
      if (close == 0) continue;
      const char sign = source_[end + 2];
      std::string text = stripped(std::string_view(source_).substr(at_, end - at_), sign == '-' || sign == '+' ? sign : '\0', true);
      if (!text.empty()) emit(TokenType::kData, std::move(text));
      advance(end - at_ + close);
      return true;
    }
    fail_parse(start_line, "'{% raw %}' is not closed");
  }

  /// Length of `{% word %}` at a position, or 0. Jinja2 trims the newline after endraw, not after raw.
  size_t word_tag(size_t position, std::string_view word, bool trims_newline) {
    const size_t saved = at_;
    at_ = position + 2;
    if (peek() == '-' || peek() == '+') ++at_;
    at_ += leading_space(std::string_view(source_).substr(at_));
    size_t length = 0;
    if (starts(word)) {
      at_ += word.size();
      at_ += leading_space(std::string_view(source_).substr(at_));
      if (const size_t n = end_mark("%}", trims_newline, trims_newline); n > 0) length = at_ + n - position;
    }
    at_ = saved;
    return length;
  }

  void inside_tag(bool variable) {
    const size_t start_line = line_;
    std::string open;  // brackets that wait for their partner: inside them an end mark is an operator
    while (true) {
      advance(leading_space(std::string_view(source_).substr(at_)));
      if (at_ >= source_.size()) fail_parse(start_line, variable ? "'{{' is not closed" : "'{%' is not closed");
      if (open.empty()) {
        if (const size_t n = variable ? end_mark("}}", false, false) : end_mark("%}", true, true); n > 0) {
          emit(variable ? TokenType::kVariableEnd : TokenType::kBlockEnd, {});
          advance(n);
          return;
        }
      }
      const char c = peek();
      if (is_digit(c)) {
        number();
      } else if (is_name_start(c)) {
        size_t n = 1;
        while (is_name_start(peek(n)) || is_digit(peek(n))) ++n;
        emit(TokenType::kName, source_.substr(at_, n));
        advance(n);
      } else if (c == '\'' || c == '"') {
        string_literal(c);
      } else {
        operator_token(open);
      }
    }
  }

  void operator_token(std::string& open) {
    static constexpr std::array<std::string_view, 27> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                                    "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                                    ">",  "<",  "=",  ".",  ":",  "|",  ",", ";", ""};
    for (std::string_view op : kOperators) {
      if (op.empty() || !starts(op)) continue;
      const char c = op[0];
      if (c == '(' || c == '[' || c == '{') open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
      if (c == ')' || c == ']' || c == '}') {
        if (open.empty() || open.back() != c) fail_parse(line_, "unexpected '" + std::string(op) + "'");
        open.pop_back();
      }
      emit(TokenType::kOperator, std::string(op));
      advance(op.size());
      return;
    }
    std::string seen;
    append_utf8(seen, to_code_points(std::string_view(source_).substr(at_, 4))[0]);
    fail_parse(line_, "unexpected character '" + seen + "'");
  }

  void number() {
    size_t n = 0;
    std::string digits;
    const auto take_digits = [&] {
      while (is_digit(peek(n)) || (peek(n) == '_' && is_digit(peek(n + 1)))) {
        if (peek(n) != '_') digits.push_back(peek(n));
        ++n;
      }
    };
    int base = 10;
    const char mark = static_cast<char>(peek(1) | 0x20);
    if (peek() == '0' && (mark == 'x' || mark == 'o' || mark == 'b')) {
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : 2;
      n = 2;
      while (is_digit(peek(n)) || (base == 16 && ((peek(n) | 0x20) >= 'a' && (peek(n) | 0x20) <= 'f'))) digits.push_back(peek(n++));
    } else {
      take_digits();
    }
    bool is_float = false;
    // "1.foo" and "x.0.1" are attribute accesses, not fractions.
    const bool after_dot = !tokens_.empty() && tokens_.back().type == TokenType::kOperator && tokens_.back().text == ".";
    if (base == 10 && !after_dot) {
      if (peek(n) == '.' && is_digit(peek(n + 1))) {
        is_float = true;
        digits.push_back('.');
        ++n;
        take_digits();
      }
      const size_t sign = peek(n + 1) == '+' || peek(n + 1) == '-' ? 1 : 0;
      if ((peek(n) | 0x20) == 'e' && is_digit(peek(n + 1 + sign))) {
        is_float = true;
        digits.push_back('e');
        if (sign == 1 && peek(n + 1) == '-') digits.push_back('-');
        n += 1 + sign;
        take_digits();
      }
    }
    Token token{.type = is_float ? TokenType::kFloat : TokenType::kInteger, .text = digits, .line = line_};
    const char* end = digits.data() + digits.size();
    const auto result =
        is_float ? std::from_chars(digits.data(), end, token.number) : std::from_chars(digits.data(), end, token.integer, base);
    if (result.ec != std::errc() || result.ptr != end || digits.empty()) fail_parse(line_, "number '" + digits + "' is out of range");
    if (!is_float && base == 10 && digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos) {
      fail_parse(line_, "number '" + digits + "' begins with 0");
    }
    tokens_.push_back(std::move(token));
    advance(n);
  }

  void string_literal(char quote) {
    const size_t start_line = line_;
    size_t n = 1;
    std::string text;
    while (true) {
      if (at_ + n >= source_.size()) fail_parse(start_line, "a string is not closed");
      const char c = peek(n);
      if (c == quote) break;
      if (c == '\\') {
        n += escape(n, text);
      } else {
        text.push_back(c);
        ++n;
      }
    }
    tokens_.push_back({.type = TokenType::kString, .text = std::move(text), .line = start_line});
    advance(n + 1);
  }

  /// One backslash sequence at `n`; returns how many bytes it took.
  size_t escape(size_t n, std::string& text) {
    const char c = peek(n + 1);
    switch (c) {
      case 'n':
        text.push_back('\n');
        return 2;
      case 't':
        text.push_back('\t');
        return 2;
      case 'r':
        text.push_back('\r');
        return 2;
      case 'a':
        text.push_back('\a');
        return 2;
      case 'b':
        text.push_back('\b');
        return 2;
      case 'f':
        text.push_back('\f');
        return 2;
      case 'v':
        text.push_back('\v');
        return 2;
      case '\\':
      case '\'':
      case '"':
        text.push_back(c);
        return 2;
      case '\n':
        return 2;  // a line joined
      case 'x':
        return hex_escape(n, 2, text);
      case 'u':
        return hex_escape(n, 4, text);
      case 'U':
        return hex_escape(n, 8, text);
      case 'N':
        fail_parse(line_, "a character by name '\\N{...}' is not supported");
      default:
        break;
    }
    if (c >= '0' && c <= '7') {
      uint32_t value = 0;
      size_t used = 1;
      while (used <= 3 && peek(n + used) >= '0' && peek(n + used) <= '7') value = value * 8 + static_cast<uint32_t>(peek(n + used++) - '0');
      append_utf8(text, value);
      return used;
    }
    text.push_back('\\');  // an unknown sequence stays as it is
    return 1;
  }

  size_t hex_escape(size_t n, size_t digits, std::string& text) {
    uint32_t value = 0;
    const size_t start = at_ + n + 2;
    const char* first = source_.data() + std::min(start, source_.size());
    const char* last = source_.data() + std::min(start + digits, source_.size());
    const auto result = std::from_chars(first, last, value, 16);
    if (result.ec != std::errc() || result.ptr != first + digits) fail_parse(line_, "a '\\x', '\\u' or '\\U' lacks its digits");
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      fail_parse(line_, "an escape names no character (surrogate or too large)");
    append_utf8(text, value);
    return 2 + digits;
  }

  std::string source_;
  std::vector<Token> tokens_;
  size_t at_ = 0, line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace aicoder::jinja
