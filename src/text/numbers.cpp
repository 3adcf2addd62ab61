#include "aicoder/text.h"

#include <charconv>
#include <limits>

namespace aicoder {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Characters from `at` on that belong to a number without sign: digits in groups of three after commas, and decimals.
size_t number_length(std::string_view text, size_t at) {
  size_t end = at;
  const auto digits_from = [&text](size_t from) {
    size_t n = 0;
    while (from + n < text.size() && is_digit(text[from + n])) ++n;
    return n;
  };
  end += digits_from(end);
  while (end > at && end < text.size() && text[end] == ',' && digits_from(end + 1) == 3) end += 4;
  if (end < text.size() && text[end] == '.') {
    const size_t decimals = digits_from(end + 1);
    if (decimals > 0) end += 1 + decimals;
  }
  return end - at;
}

NumberFound make_number(std::string_view digits, bool negative) {
  NumberFound number;
  std::string plain;
  for (const char c : digits) {
    if (c != ',') plain += c;
  }
  if (plain.starts_with('.')) plain.insert(0, "0");
  // Digits and one point at most: all that can go wrong is a number beyond every double.
  const auto result = std::from_chars(plain.data(), plain.data() + plain.size(), number.value);
  if (result.ec != std::errc{}) number.value = std::numeric_limits<double>::infinity();
  if (negative) number.value = -number.value;
  number.text = (negative ? "-" : "") + std::string(digits);
  return number;
}

/// The place of the minus before the number at `at`, with a sign of currency between or before it; else npos.
size_t minus_before(std::string_view text, size_t at) {
  if (at > 0 && text[at - 1] == '$') --at;
  if (at == 0 || text[at - 1] != '-') return std::string_view::npos;
  return at - 1;
}

bool is_sign(std::string_view text, size_t minus) {
  if (minus == 0) return true;
  const char before = text[minus - 1];
  return !is_digit(before) && !is_letter(before) && before != ')' && before != ']' && before != '}' && before != '-';
}

}  // namespace

std::optional<NumberFound> marked_number(std::string_view text) {
  constexpr std::string_view kMark = "####";
  size_t at = text.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  at += kMark.size();
  bool negative = false;
  while (at < text.size() && (text[at] == ' ' || text[at] == '$' || (text[at] == '-' && !negative))) {
    negative = negative || text[at] == '-';
    ++at;
  }
  const size_t length = number_length(text, at);
  if (length == 0) return std::nullopt;
  return make_number(text.substr(at, length), negative);
}

std::optional<NumberFound> last_number(std::string_view text) {
  std::optional<NumberFound> last;
  for (size_t at = 0; at < text.size();) {
    const size_t length = number_length(text, at);
    if (length == 0) {
      ++at;
      continue;
    }
    const size_t minus = minus_before(text, at);
    last = make_number(text.substr(at, length), minus != std::string_view::npos && is_sign(text, minus));
    at += length;
  }
  return last;
}

std::optional<NumberFound> given_number(std::string_view text) {
  constexpr std::string_view kBoxed = "\\boxed{";
  if (const size_t at = text.rfind(kBoxed); at != std::string_view::npos) {
    // To the end of the line: braces inside are of units, \boxed{18 \text{ eggs}}.
    const std::string_view inside = text.substr(at + kBoxed.size());
    const std::string_view line = inside.substr(0, inside.find('\n'));
    size_t depth = 1, end = 0;
    while (end < line.size() && depth > 0) {
      depth += line[end] == '{' ? 1 : 0;
      depth -= line[end] == '}' ? 1 : 0;
      ++end;
    }
    if (const auto number = last_number(line.substr(0, end))) return number;
  }
  return marked_number(text);
}

std::optional<NumberFound> answer_number(std::string_view text) {
  const auto given = given_number(text);
  return given ? given : last_number(text);
}

size_t count_numbers(std::string_view text) {
  size_t n = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t length = number_length(text, at);
    n += length > 0 ? 1 : 0;
    at += length > 0 ? length : 1;
  }
  return n;
}

}  // namespace aicoder
