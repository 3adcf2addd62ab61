// Code points of UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::text {

constexpr char32_t kReplacement = 0xFFFD;

/// The code point at `at`, which then stands behind it. Bytes that are no UTF-8 (overlong forms and surrogates too) are U+FFFD, one a byte.
inline char32_t next_code_point(std::string_view text, size_t& at) noexcept {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  if (first < 0x80) return text[at++] & 0x7F;
  const auto follows = [&](size_t n) {
    if (at + n >= text.size()) return false;
    for (size_t i = 1; i <= n; ++i) {
      if ((byte(at + i) & 0xC0) != 0x80) return false;
    }
    return true;
  };
  if (first >= 0xC2 && first < 0xE0 && follows(1)) {
    const char32_t point = (first & 0x1F) << 6 | (byte(at + 1) & 0x3F);
    at += 2;
    return point;
  }
  if (first >= 0xE0 && first < 0xF0 && follows(2)) {
    const char32_t point = (first & 0x0F) << 12 | (byte(at + 1) & 0x3FU) << 6 | (byte(at + 2) & 0x3FU);
    if (point >= 0x800 && (point < 0xD800 || point > 0xDFFF)) {
      at += 3;
      return point;
    }
  } else if (first >= 0xF0 && first < 0xF5 && follows(3)) {
    const char32_t point = (first & 0x07) << 18 | (byte(at + 1) & 0x3FU) << 12 | (byte(at + 2) & 0x3FU) << 6 | (byte(at + 3) & 0x3FU);
    if (point >= 0x10000 && point <= 0x10FFFF) {
      at += 4;
      return point;
    }
  }
  ++at;
  return kReplacement;
}

inline void append_code_point(std::string& out, char32_t point) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

inline std::u32string to_code_points(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for (size_t at = 0; at < text.size();) points.push_back(next_code_point(text, at));
  return points;
}

/// As Python's str.split and str.rstrip take it.
inline bool is_blank(char32_t point) noexcept {
  return (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x20) || point == 0x85 || point == 0xA0 || point == 0x1680 ||
         (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x205F ||
         point == 0x3000;
}

}  // namespace aicoder::text
