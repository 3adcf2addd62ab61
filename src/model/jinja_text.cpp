#include "model/jinja_text.h"

#include <algorithm>
#include <span>

namespace aicoder::jinja {

namespace {

struct Decoded {
  char32_t c;
  size_t bytes;
};

Decoded decode(std::string_view s, size_t at) noexcept {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (n == 1 || at + n > s.size()) return {0xFFFD, 1};
  char32_t c = first & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {0xFFFD, 1};
    c = (c << 6) | (byte(at + i) & 0x3Fu);
  }
  return {c, n};
}

struct Range {
  char32_t first, last;
};

/// Blocks that hold letters with case, generously: a character outside has none.
constexpr Range kCased[] = {
    {0xAA, 0xAA},       {0xB5, 0xB5},       {0xBA, 0xBA},       {0xC0, 0x2BF},      {0x2E0, 0x2E4},     {0x345, 0x345},
    {0x370, 0x58F},     {0x10A0, 0x10FF},   {0x13A0, 0x13FF},   {0x1C80, 0x1CBF},   {0x1D00, 0x1DBF},   {0x1E00, 0x1FFF},
    {0x2071, 0x2071},   {0x207F, 0x209F},   {0x2100, 0x218F},   {0x24B6, 0x24E9},   {0x2C00, 0x2D2F},   {0xA640, 0xA69F},
    {0xA720, 0xA7FF},   {0xAB30, 0xABBF},   {0xFB00, 0xFB17},   {0xFF21, 0xFF5A},   {0x10400, 0x104FF}, {0x10570, 0x105BF},
    {0x10780, 0x107BF}, {0x10C80, 0x10D8F}, {0x118A0, 0x118DF}, {0x16E40, 0x16E7F}, {0x1D400, 0x1D7FF}, {0x1DF00, 0x1E08F},
    {0x1E900, 0x1E94F}, {0x1F130, 0x1F189},
};
/// Control, format, private and separator characters beyond ASCII. Unassigned ones are not told apart.
constexpr Range kUnprintable[] = {
    {0x80, 0xA0},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},     {0x6DD, 0x6DD},
    {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x1680, 0x1680},   {0x180E, 0x180E},
    {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},   {0xD800, 0xF8FF},
    {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD},
    {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE00FF}, {0xF0000, 0x10FFFF},
};

bool in(std::span<const Range> ranges, char32_t c) noexcept {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

bool is_upper(char32_t c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_lower(char32_t c) noexcept { return c >= 'a' && c <= 'z'; }

enum class Case { kUpper, kLower, kCapitalize, kTitle };

std::optional<std::string> convert(std::string_view text, Case to) {
  std::string out;
  out.reserve(text.size());
  bool inside = false;  // a word, or the text
  for (char32_t c : to_code_points(text)) {
    if (in(kCased, c)) return std::nullopt;
    const bool raise = to == Case::kUpper || (to != Case::kLower && !inside);
    append_utf8(out, raise && is_lower(c) ? c - 32 : !raise && is_upper(c) ? c + 32 : c);
    inside = to == Case::kCapitalize || is_upper(c) || is_lower(c);
  }
  return out;
}

}  // namespace

bool is_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t leading_space(std::string_view text) noexcept {
  size_t at = 0;
  while (at < text.size()) {
    const Decoded d = decode(text, at);
    if (!is_space(d.c)) break;
    at += d.bytes;
  }
  return at;
}

size_t trailing_space(std::string_view text) noexcept {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 && end - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    const Decoded d = decode(text, start);
    if (!is_space(d.c) || start + d.bytes != end) break;
    end = start;
  }
  return text.size() - end;
}

std::u32string to_code_points(std::string_view utf8) {
  std::u32string out;
  out.reserve(utf8.size());
  for (size_t at = 0; at < utf8.size();) {
    const Decoded d = decode(utf8, at);
    out.push_back(d.c);
    at += d.bytes;
  }
  return out;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::string to_utf8(std::u32string_view code_points) {
  std::string out;
  out.reserve(code_points.size());
  for (char32_t c : code_points) append_utf8(out, c);
  return out;
}

size_t count_code_points(std::string_view utf8) noexcept {
  size_t n = 0;
  for (size_t at = 0; at < utf8.size(); at += decode(utf8, at).bytes) ++n;
  return n;
}

std::optional<std::string> upper(std::string_view text) { return convert(text, Case::kUpper); }

std::optional<std::string> lower(std::string_view text) { return convert(text, Case::kLower); }

std::optional<std::string> capitalize(std::string_view text) { return convert(text, Case::kCapitalize); }

std::optional<std::string> title(std::string_view text) { return convert(text, Case::kTitle); }

std::optional<bool> all_are(std::string_view text, CharClass what) {
  if (text.empty()) return false;
  const bool about_case = what == CharClass::kUpper || what == CharClass::kLower;
  bool unknown = false, found = false;
  for (char32_t c : to_code_points(text)) {
    const bool letter = is_upper(c) || is_lower(c), digit = c >= '0' && c <= '9';
    if (what == CharClass::kSpace) {
      if (!is_space(c)) return false;
    } else if (about_case) {
      // At least one letter of this case and none of the other.
      if (what == CharClass::kUpper ? is_lower(c) : is_upper(c)) return false;
      unknown = unknown || in(kCased, c);
      found = found || letter;
    } else if (c >= 0x80) {
      unknown = true;
    } else if (!((what != CharClass::kDigit && letter) || (what != CharClass::kAlpha && digit))) {
      return false;
    }
  }
  if (unknown) return std::nullopt;
  return found || !about_case;
}

bool is_printable(char32_t c) noexcept { return c < 0x80 ? c >= 0x20 && c != 0x7F : !in(kUnprintable, c); }

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const Decoded d = decode(text, at);
    const bool is_break = (d.c >= 0x0A && d.c <= 0x0D) || (d.c >= 0x1C && d.c <= 0x1E) || d.c == 0x85 || d.c == 0x2028 || d.c == 0x2029;
    if (!is_break) {
      at += d.bytes;
      continue;
    }
    lines.push_back(text.substr(start, at - start));
    at += d.bytes;
    if (d.c == 0x0D && at < text.size() && text[at] == '\n') ++at;
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

}  // namespace aicoder::jinja
