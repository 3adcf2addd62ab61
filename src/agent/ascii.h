// Letters of ASCII in small; bytes of other characters stay as they are.
#pragma once

#include <string>
#include <string_view>

namespace aicoder::agent {

inline std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

}  // namespace aicoder::agent
