// Tokens to tree. Statements are in jinja_parser.cpp, expressions in jinja_parse_expression.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/jinja_ast.h"
#include "model/jinja_lexer.h"

namespace aicoder::jinja {

/// Nesting of statements and of one expression: enough for any real template, and what recursion in parser, evaluator and
/// destructors can take.
inline constexpr int kMaxNesting = 200;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Body parse_template();

 private:
  // statements
  Body parse_body(std::span<const std::string_view> end_names);
  Body parse_block_body(std::span<const std::string_view> end_names);
  void expect_block_end();
  std::unique_ptr<Stmt> parse_statement();
  std::unique_ptr<Stmt> parse_if(size_t line);
  std::unique_ptr<Stmt> parse_for(size_t line);
  std::unique_ptr<Stmt> parse_set(size_t line);
  std::unique_ptr<Stmt> parse_macro(size_t line);
  std::unique_ptr<Stmt> parse_with(size_t line);
  std::unique_ptr<Stmt> parse_filter_block(size_t line);
  Target parse_target(bool with_attribute);
  Target parse_single_target(bool with_attribute);

  // expressions
  ExprPtr parse_tuple(bool with_ternary, std::string_view end_name = {});
  ExprPtr parse_expression(bool with_ternary = true);
  ExprPtr parse_ternary();
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_compare();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filters = true);
  ExprPtr parse_primary();
  ExprPtr parse_bracketed(char open);
  ExprPtr parse_postfix(ExprPtr node);
  ExprPtr parse_filters(ExprPtr node);
  ExprPtr parse_one_filter(ExprPtr node);
  ExprPtr parse_test(ExprPtr node);
  ExprPtr parse_subscript(ExprPtr node);
  void parse_arguments(Expr& call);
  static std::unique_ptr<Expr> make(ExprKind kind, size_t line, std::string name = {});
  static ExprPtr finish(std::unique_ptr<Expr> node);
  static ExprPtr binary(std::string name, size_t line, ExprPtr left, ExprPtr right);

  // tokens
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool at_operator(std::string_view text) const { return current().type == TokenType::kOperator && current().text == text; }
  bool at_name(std::string_view text) const { return current().type == TokenType::kName && current().text == text; }
  bool skip_operator(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_operator(std::string_view text);
  std::string expect_name();
  [[noreturn]] void fail_expected(const std::string& what) const;

  struct Nesting {
    Parser& parser;
    explicit Nesting(Parser& p);
    ~Nesting() { --parser.nesting_; }
  };

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
  int loops_ = 0;  ///< loops around the cursor within the current macro: break and continue need one
};

}  // namespace aicoder::jinja
