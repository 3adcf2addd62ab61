// Does a piece of text parse as a Python expression, a literal, a call with literal arguments? Decides which lines of a task
// are checks: a wrong check is worse than none, so everything unknown is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/python_lexer.h"

namespace aicoder::agent {

/// A literal at `begin`: number, string, bytes, True, False, None, and tuples, lists, sets, dicts of them.
struct PythonLiteral {
  size_t end = 0;
  bool is_float = false;       ///< one float
  bool is_float_list = false;  ///< a list or tuple of numbers, at least one of them a float
  bool is_number = false;
  bool is_parenthesized = false;  ///< (1): one literal in parentheses, not a tuple
};
std::optional<PythonLiteral> parse_literal(std::string_view text, size_t begin);

/// `name(literal, key=literal)` at `begin`.
struct PythonCall {
  std::string name;
  size_t end = 0;
};
std::optional<PythonCall> parse_literal_call(std::string_view text, size_t begin);

/// The end of the longest expression at `begin`; nullopt when there is none.
std::optional<size_t> parse_expression(std::string_view text, size_t begin);
/// True when the whole text (a trailing comment allowed) is one expression.
bool is_expression(std::string_view text);
/// Names called anywhere in the expression: `f` and `g` of `f(g(1)) == 2`; methods are not names.
std::vector<std::string> called_names(std::string_view expression);

}  // namespace aicoder::agent
