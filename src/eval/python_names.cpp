#include "eval/python_names.h"

#include <set>

namespace aicoder::eval {
namespace {

bool starts_name(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool in_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

size_t name_length(std::string_view text) {
  if (text.empty() || !starts_name(text.front())) return 0;
  size_t length = 1;
  while (length < text.size() && in_name(text[length])) ++length;
  return length;
}

std::string_view skip_blanks(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

std::set<std::string, std::less<>> top_level_functions(std::string_view code) {
  std::set<std::string, std::less<>> names;
  for (size_t begin = 0; begin < code.size();) {
    size_t end = code.find('\n', begin);
    if (end == std::string_view::npos) end = code.size();
    const std::string_view line = code.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with("def ") || line.starts_with("def\t")) {
      const std::string_view rest = skip_blanks(line.substr(4));
      names.emplace(rest.substr(0, name_length(rest)));
    }
  }
  return names;
}

}  // namespace

std::optional<std::string> first_defined_call(std::string_view expression, std::string_view code) {
  const auto defined = top_level_functions(code);
  for (size_t i = 0; i < expression.size();) {
    const size_t length = name_length(expression.substr(i));
    if (length == 0) {
      ++i;
      continue;
    }
    const std::string_view name = expression.substr(i, length);
    i += length;
    if (skip_blanks(expression.substr(i)).starts_with('(') && defined.contains(name)) return std::string(name);
  }
  return std::nullopt;
}

}  // namespace aicoder::eval
