// Expressions, in Jinja2's order of precedence: ternary, or, and, not, comparison, + -, ~, * / // %, **, sign, postfix and filters.
#include <algorithm>
#include <array>

#include "aicoder/core.h"
#include "model/jinja_parser.h"

namespace aicoder::jinja {

std::unique_ptr<Expr> Parser::make(ExprKind kind, size_t line, std::string name) {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = line;
  node->name = std::move(name);
  return node;
}

/// Closes a node: a chain such as a + b + c + ... nests without the parser recursing, so depth is checked here too.
ExprPtr Parser::finish(std::unique_ptr<Expr> node) {
  int deepest = 0;
  const auto look = [&](const ExprPtr& child) { deepest = std::max(deepest, child ? child->depth : 0); };
  for (const auto& child : node->children) look(child);
  for (const auto& child : node->arguments) look(child);
  for (const auto& [name, child] : node->named) look(child);
  node->depth = deepest + 1;
  if (node->depth > kMaxNesting) {
    throw Error(ErrorCode::kResourceExhausted, "[chat template] line " + std::to_string(node->line) +
                                                   ": an expression is nested deeper than " + std::to_string(kMaxNesting) + " levels");
  }
  return node;
}

ExprPtr Parser::binary(std::string name, size_t line, ExprPtr left, ExprPtr right) {
  auto node = make(ExprKind::kBinary, line, std::move(name));
  node->children.push_back(std::move(left));
  node->children.push_back(std::move(right));
  return finish(std::move(node));
}

/// One expression, or several with commas as a tuple.
ExprPtr Parser::parse_tuple(bool with_ternary, std::string_view end_name) {
  const size_t line = current().line;
  const auto at_end = [&] {
    return current().type == TokenType::kVariableEnd || current().type == TokenType::kBlockEnd || at_operator(")") ||
           (!end_name.empty() && at_name(end_name));
  };
  if (at_end()) fail_expected("an expression");
  ExprPtr first = parse_expression(with_ternary);
  if (!at_operator(",")) return first;
  auto tuple = make(ExprKind::kTuple, line);
  tuple->children.push_back(std::move(first));
  while (skip_operator(",")) {
    if (at_end()) break;
    tuple->children.push_back(parse_expression(with_ternary));
  }
  return finish(std::move(tuple));
}

ExprPtr Parser::parse_expression(bool with_ternary) {
  const Nesting nesting(*this);
  return with_ternary ? parse_ternary() : parse_or();
}

ExprPtr Parser::parse_ternary() {
  const Nesting nesting(*this);
  size_t line = current().line;
  ExprPtr value = parse_or();
  while (skip_name("if")) {
    auto node = make(ExprKind::kTernary, line);
    node->children.push_back(parse_or());
    node->children.push_back(std::move(value));
    node->children.push_back(skip_name("else") ? parse_ternary() : nullptr);
    value = finish(std::move(node));
    line = current().line;
  }
  return value;
}

ExprPtr Parser::parse_or() {
  ExprPtr left = parse_and();
  while (at_name("or")) {
    const size_t line = take().line;
    left = binary("or", line, std::move(left), parse_and());
  }
  return left;
}

ExprPtr Parser::parse_and() {
  ExprPtr left = parse_not();
  while (at_name("and")) {
    const size_t line = take().line;
    left = binary("and", line, std::move(left), parse_not());
  }
  return left;
}

ExprPtr Parser::parse_not() {
  if (!at_name("not")) return parse_compare();
  const Nesting nesting(*this);
  auto node = make(ExprKind::kUnary, take().line, "not");
  node->children.push_back(parse_not());
  return finish(std::move(node));
}

ExprPtr Parser::parse_compare() {
  static constexpr std::array<std::string_view, 6> kOperators = {"==", "!=", "<", "<=", ">", ">="};
  const size_t line = current().line;
  ExprPtr first = parse_sum();
  auto node = make(ExprKind::kCompare, line);
  while (true) {
    const bool symbol =
        current().type == TokenType::kOperator && std::find(kOperators.begin(), kOperators.end(), current().text) != kOperators.end();
    std::string op;
    if (symbol) {
      op = take().text;
    } else if (skip_name("in")) {
      op = "in";
    } else if (at_name("not") && ahead().type == TokenType::kName && ahead().text == "in") {
      take();
      take();
      op = "not in";
    } else {
      break;
    }
    if (node->children.empty()) node->children.push_back(std::move(first));
    node->operators.push_back(std::move(op));
    node->children.push_back(parse_sum());
  }
  return node->children.empty() ? std::move(first) : finish(std::move(node));
}

ExprPtr Parser::parse_sum() {
  ExprPtr left = parse_concat();
  while (at_operator("+") || at_operator("-")) {
    const Token op = take();
    left = binary(op.text, op.line, std::move(left), parse_concat());
  }
  return left;
}

ExprPtr Parser::parse_concat() {
  const size_t line = current().line;
  ExprPtr first = parse_product();
  if (!at_operator("~")) return first;
  auto node = make(ExprKind::kConcat, line);
  node->children.push_back(std::move(first));
  while (skip_operator("~")) node->children.push_back(parse_product());
  return finish(std::move(node));
}

ExprPtr Parser::parse_product() {
  ExprPtr left = parse_power();
  while (at_operator("*") || at_operator("/") || at_operator("//") || at_operator("%")) {
    const Token op = take();
    left = binary(op.text, op.line, std::move(left), parse_power());
  }
  return left;
}

ExprPtr Parser::parse_power() {
  ExprPtr left = parse_unary();
  while (at_operator("**")) {
    const size_t line = take().line;
    left = binary("**", line, std::move(left), parse_unary());
  }
  return left;
}

ExprPtr Parser::parse_unary(bool with_filters) {
  const Nesting nesting(*this);
  ExprPtr node;
  if (at_operator("-") || at_operator("+")) {
    const Token sign = take();
    auto unary = make(ExprKind::kUnary, sign.line, sign.text);
    unary->children.push_back(parse_unary(false));
    node = finish(std::move(unary));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filters ? parse_filters(std::move(node)) : std::move(node);
}

ExprPtr Parser::parse_primary() {
  const Token& token = current();
  auto constant = make(ExprKind::kConstant, token.line);
  switch (token.type) {
    case TokenType::kName: {
      const std::string name = take().text;
      if (name == "true" || name == "True" || name == "false" || name == "False") {
        constant->value = Value(name == "true" || name == "True");
      } else if (name == "none" || name == "None") {
        constant->value = Value(None{});
      } else {
        return finish(make(ExprKind::kName, constant->line, name));
      }
      break;
    }
    case TokenType::kString: {
      std::string text = take().text;
      while (current().type == TokenType::kString) text += take().text;
      constant->value = Value(std::move(text));
      break;
    }
    case TokenType::kInteger:
      constant->value = Value(take().integer);
      break;
    case TokenType::kFloat:
      constant->value = Value(take().number);
      break;
    default:
      if (at_operator("(") || at_operator("[") || at_operator("{")) return parse_bracketed(token.text[0]);
      fail_expected("an expression");
  }
  return finish(std::move(constant));
}

ExprPtr Parser::parse_bracketed(char open) {
  const size_t line = take().line;
  if (open == '(') {
    if (skip_operator(")")) return finish(make(ExprKind::kTuple, line));
    ExprPtr inner = parse_tuple(true);
    expect_operator(")");
    return inner;
  }
  const std::string_view close = open == '[' ? "]" : "}";
  auto node = make(open == '[' ? ExprKind::kList : ExprKind::kDict, line);
  while (!at_operator(close)) {
    if (!node->children.empty()) expect_operator(",");
    if (at_operator(close)) break;
    node->children.push_back(parse_expression());
    if (open == '{') {
      expect_operator(":");
      node->children.push_back(parse_expression());
    }
  }
  take();
  return finish(std::move(node));
}

ExprPtr Parser::parse_postfix(ExprPtr node) {
  while (true) {
    if (at_operator(".") || at_operator("[")) {
      node = parse_subscript(std::move(node));
    } else if (at_operator("(")) {
      auto call = make(ExprKind::kCall, current().line);
      call->children.push_back(std::move(node));
      parse_arguments(*call);
      node = finish(std::move(call));
    } else {
      return node;
    }
  }
}

ExprPtr Parser::parse_filters(ExprPtr node) {
  while (true) {
    if (at_operator("|")) {
      node = parse_one_filter(std::move(node));
    } else if (at_name("is")) {
      node = parse_test(std::move(node));
    } else if (at_operator("(")) {
      auto call = make(ExprKind::kCall, current().line);
      call->children.push_back(std::move(node));
      parse_arguments(*call);
      node = finish(std::move(call));
    } else {
      return node;
    }
  }
}

ExprPtr Parser::parse_one_filter(ExprPtr node) {
  expect_operator("|");
  const size_t line = current().line;
  auto filter = make(ExprKind::kFilter, line, expect_name());
  while (skip_operator(".")) filter->name += "." + expect_name();
  filter->children.push_back(std::move(node));
  if (at_operator("(")) parse_arguments(*filter);
  return finish(std::move(filter));
}

ExprPtr Parser::parse_test(ExprPtr node) {
  take();
  const bool negated = skip_name("not");
  const size_t line = current().line;
  auto test = make(ExprKind::kTest, line, expect_name());
  test->children.push_back(std::move(node));
  const bool literal = current().type == TokenType::kString || current().type == TokenType::kInteger || current().type == TokenType::kFloat;
  const bool operand = literal || at_operator("[") || at_operator("{") ||
                       (current().type == TokenType::kName && !at_name("else") && !at_name("or") && !at_name("and"));
  if (at_operator("(")) {
    parse_arguments(*test);
  } else if (operand) {
    if (at_name("is")) fail_parse(current().line, "tests cannot be chained with 'is'");
    // "x is defined if y" and "x is none not in z" do not parse in Jinja2 as one may hope; an operand is a plain primary.
    test->arguments.push_back(parse_postfix(parse_primary()));
  }
  ExprPtr result = finish(std::move(test));
  if (!negated) return result;
  auto inverted = make(ExprKind::kUnary, line, "not");
  inverted->children.push_back(std::move(result));
  return finish(std::move(inverted));
}

ExprPtr Parser::parse_subscript(ExprPtr node) {
  const size_t line = current().line;
  if (skip_operator(".")) {
    if (current().type == TokenType::kInteger) {
      auto item = make(ExprKind::kItem, line);
      item->children.push_back(std::move(node));
      auto index = make(ExprKind::kConstant, line);
      index->value = Value(take().integer);
      item->children.push_back(finish(std::move(index)));
      return finish(std::move(item));
    }
    auto attribute = make(ExprKind::kAttribute, line, expect_name());
    attribute->children.push_back(std::move(node));
    return finish(std::move(attribute));
  }
  expect_operator("[");
  ExprPtr parts[3];
  size_t colons = 0;
  while (!at_operator("]")) {
    if (colons < 2 && skip_operator(":")) {
      ++colons;
    } else {
      if (parts[colons]) fail_expected("']'");
      parts[colons] = parse_expression();
    }
  }
  take();
  if (colons == 0 && !parts[0]) fail_parse(line, "an empty subscript");
  auto item = make(colons == 0 ? ExprKind::kItem : ExprKind::kSlice, line);
  item->children.push_back(std::move(node));
  item->children.push_back(std::move(parts[0]));
  if (colons > 0) {
    item->children.push_back(std::move(parts[1]));
    item->children.push_back(std::move(parts[2]));
  }
  return finish(std::move(item));
}

void Parser::parse_arguments(Expr& call) {
  const Nesting nesting(*this);
  expect_operator("(");
  bool first = true;
  while (!at_operator(")")) {
    if (!first) expect_operator(",");
    if (at_operator(")")) break;
    first = false;
    if (at_operator("*") || at_operator("**")) fail_parse(current().line, "'*' and '**' in a call are not supported");
    if (current().type == TokenType::kName && ahead().type == TokenType::kOperator && ahead().text == "=") {
      std::string name = take().text;
      take();
      call.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (!call.named.empty()) fail_parse(current().line, "a positional argument follows a named one");
      call.arguments.push_back(parse_expression());
    }
  }
  take();
}

}  // namespace aicoder::jinja
