// Python's view of strings (code points, its whitespace, its case rules) over UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::jinja {

/// Whitespace of str.strip(), str.split() and the regular expression \s.
bool is_space(char32_t c) noexcept;
/// Bytes of the leading or trailing whitespace.
size_t leading_space(std::string_view text) noexcept;
size_t trailing_space(std::string_view text) noexcept;

/// Ill-formed bytes become U+FFFD.
std::u32string to_code_points(std::string_view utf8);
std::string to_utf8(std::u32string_view code_points);
void append_utf8(std::string& out, char32_t c);
size_t count_code_points(std::string_view utf8) noexcept;

/// Case is known for ASCII, and for writings without case (Hangul, Han, ...), which stay as they are. For other letters (é, Д)
/// the answer is nullopt: right, or not at all, without the tables of Unicode.
std::optional<std::string> upper(std::string_view text);
std::optional<std::string> lower(std::string_view text);
/// First letter in upper case, the rest in lower case.
std::optional<std::string> capitalize(std::string_view text);
/// str.title(): each run of letters capitalized.
std::optional<std::string> title(std::string_view text);

enum class CharClass { kDigit, kAlpha, kAlnum, kSpace, kUpper, kLower };
/// str.isdigit() and its kin: false for an empty text; nullopt where it depends on a character beyond ASCII.
std::optional<bool> all_are(std::string_view text, CharClass what);
/// Printed as it is by repr().
bool is_printable(char32_t c) noexcept;

/// str.splitlines().
std::vector<std::string_view> split_lines(std::string_view text);

}  // namespace aicoder::jinja
