#include "model/jinja_parser.h"

#include <algorithm>
#include <array>

#include "aicoder/core.h"

namespace aicoder::jinja {

namespace {

std::string describe(const Token& token) {
  switch (token.type) {
    case TokenType::kData:
      return "text";
    case TokenType::kVariableBegin:
      return "'{{'";
    case TokenType::kVariableEnd:
      return "'}}'";
    case TokenType::kBlockBegin:
      return "'{%'";
    case TokenType::kBlockEnd:
      return "'%}'";
    case TokenType::kString:
      return "a string";
    case TokenType::kEnd:
      return "the end of the template";
    default:
      return "'" + token.text + "'";
  }
}

std::unique_ptr<Stmt> make_stmt(StmtKind kind, size_t line) {
  auto stmt = std::make_unique<Stmt>();
  stmt->kind = kind;
  stmt->line = line;
  return stmt;
}

}  // namespace

Parser::Nesting::Nesting(Parser& p) : parser(p) {
  if (++parser.nesting_ > kMaxNesting) {
    --parser.nesting_;
    throw Error(ErrorCode::kResourceExhausted, "[chat template] line " + std::to_string(parser.current().line) + ": nested deeper than " +
                                                   std::to_string(kMaxNesting) + " levels");
  }
}

void Parser::fail_expected(const std::string& what) const {
  fail_parse(current().line, "expected " + what + ", found " + describe(current()));
}

bool Parser::skip_operator(std::string_view text) {
  if (!at_operator(text)) return false;
  take();
  return true;
}

bool Parser::skip_name(std::string_view text) {
  if (!at_name(text)) return false;
  take();
  return true;
}

void Parser::expect_operator(std::string_view text) {
  if (!skip_operator(text)) fail_expected("'" + std::string(text) + "'");
}

std::string Parser::expect_name() {
  if (current().type != TokenType::kName) fail_expected("a name");
  return take().text;
}

void Parser::expect_block_end() {
  if (current().type != TokenType::kBlockEnd) fail_expected("'%}'");
  take();
}

Body Parser::parse_template() { return parse_body({}); }

/// Statements until a block whose tag is in end_names (the cursor is then on that name), or the end when there are none.
Body Parser::parse_body(std::span<const std::string_view> end_names) {
  const Nesting nesting(*this);
  Body body;
  while (true) {
    const size_t line = current().line;
    switch (current().type) {
      case TokenType::kEnd: {
        if (end_names.empty()) return body;
        fail_expected("'{% " + std::string(end_names.back()) + " %}'");
      }
      case TokenType::kData: {
        auto stmt = make_stmt(StmtKind::kText, line);
        stmt->text = take().text;
        body.push_back(std::move(stmt));
        break;
      }
      case TokenType::kVariableBegin: {
        take();
        auto stmt = make_stmt(StmtKind::kOutput, line);
        stmt->expr = parse_tuple(true);
        if (current().type != TokenType::kVariableEnd) fail_expected("'}}'");
        take();
        body.push_back(std::move(stmt));
        break;
      }
      default: {
        if (current().type != TokenType::kBlockBegin) fail_expected("text or a tag");
        take();
        if (current().type != TokenType::kName) fail_expected("the name of a tag");
        if (std::find(end_names.begin(), end_names.end(), current().text) != end_names.end()) return body;
        body.push_back(parse_statement());
        expect_block_end();
      }
    }
  }
}

Body Parser::parse_block_body(std::span<const std::string_view> end_names) {
  skip_operator(":");
  expect_block_end();
  return parse_body(end_names);
}

std::unique_ptr<Stmt> Parser::parse_statement() {
  const size_t line = current().line;
  const std::string tag = take().text;
  if (tag == "if") return parse_if(line);
  if (tag == "for") return parse_for(line);
  if (tag == "set") return parse_set(line);
  if (tag == "macro") return parse_macro(line);
  if (tag == "with") return parse_with(line);
  if (tag == "filter") return parse_filter_block(line);
  if (tag == "generation") {
    // Marks the assistant's text for training masks; the text itself is rendered as it is.
    static constexpr std::array<std::string_view, 1> kEnd = {"endgeneration"};
    auto stmt = make_stmt(StmtKind::kScope, line);
    stmt->body = parse_block_body(kEnd);
    take();
    return stmt;
  }
  if (tag == "break" || tag == "continue") {
    if (loops_ == 0) fail_parse(line, "'{% " + tag + " %}' stands outside a loop");
    return make_stmt(tag == "break" ? StmtKind::kBreak : StmtKind::kContinue, line);
  }
  fail_parse(line, "the tag '{% " + tag + " %}' is not supported");
}

std::unique_ptr<Stmt> Parser::parse_if(size_t line) {
  static constexpr std::array<std::string_view, 3> kEnds = {"elif", "else", "endif"};
  static constexpr std::array<std::string_view, 1> kEnd = {"endif"};
  auto stmt = make_stmt(StmtKind::kIf, line);
  while (true) {
    ExprPtr condition = parse_tuple(false);
    Body body = parse_block_body(kEnds);
    stmt->branches.push_back({std::move(condition), std::move(body)});
    const std::string tag = take().text;
    if (tag == "elif") continue;
    if (tag == "else") {
      stmt->branches.push_back({nullptr, parse_block_body(kEnd)});
      take();
    }
    return stmt;
  }
}

std::unique_ptr<Stmt> Parser::parse_for(size_t line) {
  static constexpr std::array<std::string_view, 2> kEnds = {"else", "endfor"};
  static constexpr std::array<std::string_view, 1> kEnd = {"endfor"};
  auto stmt = make_stmt(StmtKind::kFor, line);
  stmt->target = parse_target(false);
  if (!skip_name("in")) fail_expected("'in'");
  stmt->expr = parse_tuple(false, "recursive");
  if (skip_name("if")) stmt->filter = parse_expression();
  if (at_name("recursive")) fail_parse(current().line, "a recursive loop is not supported");
  ++loops_;
  stmt->body = parse_block_body(kEnds);
  --loops_;
  if (take().text == "else") {
    stmt->otherwise = parse_block_body(kEnd);
    take();
  }
  return stmt;
}

std::unique_ptr<Stmt> Parser::parse_set(size_t line) {
  static constexpr std::array<std::string_view, 1> kEnd = {"endset"};
  Target target = parse_target(true);
  if (skip_operator("=")) {
    auto stmt = make_stmt(StmtKind::kSet, line);
    stmt->target = std::move(target);
    stmt->expr = parse_tuple(true);
    return stmt;
  }
  auto stmt = make_stmt(StmtKind::kSetBlock, line);
  stmt->target = std::move(target);
  while (at_operator("|")) stmt->expr = parse_one_filter(std::move(stmt->expr));
  stmt->body = parse_block_body(kEnd);
  take();
  return stmt;
}

std::unique_ptr<Stmt> Parser::parse_macro(size_t line) {
  static constexpr std::array<std::string_view, 1> kEnd = {"endmacro"};
  auto stmt = make_stmt(StmtKind::kMacro, line);
  stmt->text = expect_name();
  expect_operator("(");
  while (!at_operator(")")) {
    if (!stmt->parameters.empty()) expect_operator(",");
    Parameter parameter{expect_name(), nullptr};
    if (skip_operator("=")) {
      parameter.fallback = parse_expression();
    } else if (!stmt->parameters.empty() && stmt->parameters.back().fallback) {
      fail_parse(line, "a parameter without a default follows one with a default");
    }
    stmt->parameters.push_back(std::move(parameter));
  }
  expect_operator(")");
  const int outer_loops = std::exchange(loops_, 0);
  stmt->body = parse_block_body(kEnd);
  loops_ = outer_loops;
  take();
  return stmt;
}

std::unique_ptr<Stmt> Parser::parse_with(size_t line) {
  static constexpr std::array<std::string_view, 1> kEnd = {"endwith"};
  auto stmt = make_stmt(StmtKind::kWith, line);
  while (current().type != TokenType::kBlockEnd) {
    if (!stmt->assignments.empty()) expect_operator(",");
    Target target = parse_single_target(false);
    expect_operator("=");
    stmt->assignments.emplace_back(std::move(target), parse_expression());
  }
  stmt->body = parse_block_body(kEnd);
  take();
  return stmt;
}

std::unique_ptr<Stmt> Parser::parse_filter_block(size_t line) {
  static constexpr std::array<std::string_view, 1> kEnd = {"endfilter"};
  auto stmt = make_stmt(StmtKind::kFilterBlock, line);
  // The first filter stands without its bar.
  tokens_.insert(tokens_.begin() + static_cast<std::ptrdiff_t>(at_), {.type = TokenType::kOperator, .text = "|", .line = line});
  while (at_operator("|")) stmt->expr = parse_one_filter(std::move(stmt->expr));
  stmt->body = parse_block_body(kEnd);
  take();
  return stmt;
}

Target Parser::parse_single_target(bool with_attribute) {
  const Nesting nesting(*this);
  if (skip_operator("(")) {
    Target target = parse_target(with_attribute);
    expect_operator(")");
    return target;
  }
  const size_t line = current().line;
  Target target{.name = expect_name(), .attribute = {}, .parts = {}};
  static constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none", "True", "False", "None"};
  if (std::find(kConstants.begin(), kConstants.end(), target.name) != kConstants.end()) {
    fail_parse(line, "cannot assign to '" + target.name + "'");
  }
  if (with_attribute && skip_operator(".")) target.attribute = expect_name();
  return target;
}

Target Parser::parse_target(bool with_attribute) {
  Target first = parse_single_target(with_attribute);
  if (!at_operator(",")) return first;
  Target all;
  all.parts.push_back(std::move(first));
  while (skip_operator(",")) {
    if (current().type != TokenType::kName && !at_operator("(")) break;
    if (at_name("in")) break;
    all.parts.push_back(parse_single_target(with_attribute));
  }
  return all;
}

}  // namespace aicoder::jinja
