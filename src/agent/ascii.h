// Small things over bytes of text; those of characters beyond ASCII stay as they are.
#pragma once

#include <string>
#include <string_view>

namespace aicoder::agent {

/// Letters of ASCII in small.
inline std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

/// Without blanks and carriage returns at either end.
inline std::string trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

}  // namespace aicoder::agent
