#include "agent/python_expression.h"

#include <algorithm>

namespace aicoder::agent {
namespace {

// Text from a task or a model may nest brackets without end; the recursion must not.
constexpr size_t kMaxDepth = 60;

class Parser {
 public:
  Parser(std::string_view text, size_t begin) {
    PythonLexer lexer(text, begin);
    // An expression that matters here is short; a bound keeps a hostile page of text linear.
    for (size_t i = 0; i < 4000; ++i) {
      PythonToken token = lexer.next();
      tokens_.push_back(token);
      if (token.kind == TokenKind::kEnd || token.kind == TokenKind::kError) break;
      if (token.kind == TokenKind::kNewline || token.kind == TokenKind::kComment) break;
    }
    PythonToken end = tokens_.back();
    end.kind = TokenKind::kEnd;
    end.text = {};
    tokens_.push_back(end);
  }

  bool literal(PythonLiteral& out, size_t depth = 0) {
    if (depth > kMaxDepth) return false;
    const PythonToken& token = peek();
    if (token.kind == TokenKind::kNumber || ((token.is("-") || token.is("+")) && peek(1).kind == TokenKind::kNumber)) {
      if (token.kind != TokenKind::kNumber) ++at_;
      std::string_view text = peek().text;
      bool hex = text.starts_with("0x") || text.starts_with("0X");
      out.is_number = true;
      out.is_float = !hex && text.find_first_of(".eE") != std::string_view::npos;
      return take(out);
    }
    if (token.kind == TokenKind::kString) {
      while (peek().kind == TokenKind::kString) {
        std::string_view prefix = peek().text.substr(0, peek().text.find_first_of("\"'"));
        if (prefix.find_first_of("fF") != std::string_view::npos) return false;
        take(out);
      }
      return true;
    }
    if (token.is("True") || token.is("False") || token.is("None")) return take(out);
    if (token.is("(")) return sequence(")", true, out, depth);
    if (token.is("[")) return sequence("]", false, out, depth);
    if (token.is("{")) return braces(out, depth);
    return false;
  }

  bool literal_call(PythonCall& out) {
    if (peek().kind != TokenKind::kName || is_python_keyword(peek().text)) return false;
    out.name = std::string(peek().text);
    ++at_;
    if (!peek().is("(")) return false;
    ++at_;
    while (!peek().is(")")) {
      if (peek().kind == TokenKind::kName && peek(1).is("=")) at_ += 2;
      PythonLiteral argument;
      if (!literal(argument)) return false;
      if (peek().is(",")) {
        ++at_;
      } else if (!peek().is(")")) {
        return false;
      }
    }
    out.end = peek().end;
    ++at_;
    return true;
  }

  bool expression(size_t depth = 0) {
    if (depth > kMaxDepth) return false;
    if (peek().is("lambda")) {
      ++at_;
      while (!peek().is(":")) {
        bool part =
            peek().is(",") || peek().is("*") || peek().is("**") || (peek().kind == TokenKind::kName && !is_python_keyword(peek().text));
        if (part) {
          ++at_;
        } else if (peek().is("=")) {
          ++at_;
          if (!expression(depth + 1)) return false;
        } else {
          return false;
        }
      }
      ++at_;
      return expression(depth + 1);
    }
    if (!chain(depth)) return false;
    if (peek().is("if")) {
      size_t mark = at_;
      ++at_;
      if (chain(depth + 1) && peek().is("else")) {
        ++at_;
        return expression(depth + 1);
      }
      at_ = mark;  // a comprehension's condition, or the prose that follows
    }
    return true;
  }

  size_t last_end() const { return at_ == 0 ? 0 : tokens_[at_ - 1].end; }
  bool at_end() const {
    TokenKind kind = peek().kind;
    return kind == TokenKind::kEnd || kind == TokenKind::kNewline || kind == TokenKind::kComment;
  }
  const std::vector<PythonToken>& tokens() const { return tokens_; }

 private:
  const PythonToken& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool take(PythonLiteral& out) {
    out.end = peek().end;
    ++at_;
    return true;
  }

  bool sequence(std::string_view close, bool tuple, PythonLiteral& out, size_t depth) {
    ++at_;
    size_t n = 0;
    bool comma = false, numbers = true, floats = false, single_float = false;
    while (!peek().is(close)) {
      PythonLiteral item;
      if (!literal(item, depth + 1)) return false;
      ++n;
      numbers = numbers && item.is_number;
      floats = floats || item.is_float;
      single_float = item.is_float;
      if (peek().is(",")) {
        comma = true;
        ++at_;
      } else if (!peek().is(close)) {
        return false;
      }
    }
    bool parenthesized = tuple && n == 1 && !comma;
    if (parenthesized) {
      out.is_float = single_float;
      out.is_number = numbers;
      out.is_parenthesized = true;
    } else {
      out.is_float_list = n > 0 && numbers && floats;
    }
    return take(out);
  }

  bool braces(PythonLiteral& out, size_t depth) {
    ++at_;
    bool dict = false, first = true;
    while (!peek().is("}")) {
      PythonLiteral item;
      if (!literal(item, depth + 1)) return false;
      if (first) dict = peek().is(":");
      if (dict) {
        if (!peek().is(":")) return false;
        ++at_;
        if (!literal(item, depth + 1)) return false;
      }
      first = false;
      if (peek().is(",")) {
        ++at_;
      } else if (!peek().is("}")) {
        return false;
      }
    }
    return take(out);
  }

  /// operand (operator operand)*: validity needs no precedence. Inside `for ... in`, `in` is not an operator of the target.
  bool chain(size_t depth) {
    if (!operand(depth)) return false;
    while (true) {
      size_t mark = at_;
      static constexpr std::string_view kOperators[] = {"+", "-", "*", "/",  "//", "%",  "@",  "**",  "<<", ">>", "&", "|",
                                                        "^", "<", ">", "==", "!=", "<=", ">=", "and", "or", "in", "is"};
      bool is_operator = std::any_of(std::begin(kOperators), std::end(kOperators), [&](std::string_view op) { return peek().is(op); });
      if (is_operator) {
        bool is_is = peek().is("is");
        ++at_;
        if (is_is && peek().is("not")) ++at_;
      } else if (peek().is("not") && peek(1).is("in")) {
        at_ += 2;
      } else {
        return true;
      }
      if (!operand(depth)) {
        at_ = mark;
        return true;
      }
    }
  }

  bool operand(size_t depth) {
    if (depth > kMaxDepth) return false;
    while (peek().is("-") || peek().is("+") || peek().is("~") || peek().is("not") || peek().is("await")) ++at_;
    if (!atom(depth)) return false;
    while (true) {
      if (peek().is("(")) {
        ++at_;
        if (!arguments(depth + 1)) return false;
      } else if (peek().is("[")) {
        ++at_;
        if (!subscript(depth + 1)) return false;
      } else if (peek().is(".") && peek(1).kind == TokenKind::kName && peek().end == peek(1).begin && peek().begin == last_end()) {
        at_ += 2;  // no blanks around the point: "f(1). Then" is prose
      } else {
        return true;
      }
    }
  }

  bool atom(size_t depth) {
    const PythonToken& token = peek();
    if (token.kind == TokenKind::kNumber || token.is("...") || token.is("True") || token.is("False") || token.is("None")) {
      ++at_;
      return true;
    }
    if (token.kind == TokenKind::kString) {
      while (peek().kind == TokenKind::kString) ++at_;
      return true;
    }
    if (token.kind == TokenKind::kName && !is_python_keyword(token.text)) {
      ++at_;
      return true;
    }
    if (token.is("(")) return display(")", depth + 1);
    if (token.is("[")) return display("]", depth + 1);
    if (token.is("{")) return display("}", depth + 1);
    return false;
  }

  bool display(std::string_view close, size_t depth) {
    ++at_;
    while (!peek().is(close)) {
      if (peek().is("*") || peek().is("**")) ++at_;
      if (!expression(depth)) return false;
      if (peek().is(":=")) {
        ++at_;
        if (!expression(depth)) return false;
      }
      if (close == "}" && peek().is(":")) {
        ++at_;
        if (!expression(depth)) return false;
      }
      if (peek().is("for") || peek().is("async")) {
        if (!comprehension(depth)) return false;
        if (!peek().is(close)) return false;
      }
      if (peek().is(",")) {
        ++at_;
      } else if (!peek().is(close)) {
        return false;
      }
    }
    ++at_;
    return true;
  }

  bool comprehension(size_t depth) {
    while (peek().is("for") || peek().is("async")) {
      if (peek().is("async")) ++at_;
      if (!peek().is("for")) return false;
      ++at_;
      size_t n = 0;
      while (!peek().is("in")) {
        bool part = peek().is(",") || peek().is("(") || peek().is(")") || peek().is("*") || peek().kind == TokenKind::kName;
        if (!part || ++n > 20) return false;
        ++at_;
      }
      ++at_;
      if (!chain(depth)) return false;
      while (peek().is("if")) {
        ++at_;
        if (!chain(depth)) return false;
      }
    }
    return true;
  }

  bool arguments(size_t depth) {
    while (!peek().is(")")) {
      if (peek().is("*") || peek().is("**")) {
        ++at_;
      } else if (peek().kind == TokenKind::kName && peek(1).is("=")) {
        at_ += 2;
      }
      if (!expression(depth)) return false;
      if ((peek().is("for") || peek().is("async")) && !comprehension(depth)) return false;
      if (peek().is(",")) {
        ++at_;
      } else if (!peek().is(")")) {
        return false;
      }
    }
    ++at_;
    return true;
  }

  bool subscript(size_t depth) {
    if (peek().is("]")) return false;
    while (!peek().is("]")) {
      if (peek().is(":") || peek().is(",")) {
        ++at_;
      } else if (!expression(depth)) {
        return false;
      } else if (!peek().is(":") && !peek().is(",") && !peek().is("]")) {
        return false;
      }
    }
    ++at_;
    return true;
  }

  std::vector<PythonToken> tokens_;
  size_t at_ = 0;
};

}  // namespace

std::optional<PythonLiteral> parse_literal(std::string_view text, size_t begin) {
  Parser parser(text, begin);
  PythonLiteral literal;
  if (!parser.literal(literal)) return std::nullopt;
  return literal;
}

std::optional<PythonCall> parse_literal_call(std::string_view text, size_t begin) {
  Parser parser(text, begin);
  PythonCall call;
  if (!parser.literal_call(call)) return std::nullopt;
  return call;
}

std::optional<size_t> parse_expression(std::string_view text, size_t begin) {
  Parser parser(text, begin);
  if (!parser.expression()) return std::nullopt;
  return parser.last_end();
}

bool is_expression(std::string_view text) {
  Parser parser(text, 0);
  return parser.expression() && parser.at_end();
}

std::vector<std::string> called_names(std::string_view expression) {
  Parser parser(expression, 0);
  const auto& tokens = parser.tokens();
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    bool method = i > 0 && tokens[i - 1].is(".");
    if (tokens[i].kind == TokenKind::kName && tokens[i + 1].is("(") && !method && !is_python_keyword(tokens[i].text)) {
      names.emplace_back(tokens[i].text);
    }
  }
  return names;
}

}  // namespace aicoder::agent
