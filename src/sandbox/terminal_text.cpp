#include "aicoder/core.h"
#include "aicoder/sandbox/terminal.h"

namespace aicoder {
namespace {

void append_utf8(std::string& out, unsigned code) {
  out += static_cast<char>(0xE0 | code >> 12);
  out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  out += static_cast<char>(0x80 | (code & 0x3F));
}

constexpr unsigned kPictures = 0x2400;  // U+2400 + n is the picture of control character n
constexpr unsigned kDeletePicture = 0x2421;
constexpr unsigned kReplacement = 0xFFFD;

/// Marks of the bidirectional algorithm that turn text around: U+202A to U+202E, U+2066 to U+2069 (CVE-2021-42574).
bool turns_text(unsigned code) { return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069); }

}  // namespace

std::string terminal_safe(std::string_view text) {
  const std::string valid = to_valid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const auto next = [&](size_t n) { return i + n < valid.size() ? static_cast<unsigned char>(valid[i + n]) : 0U; };
    if (byte == '\n' || byte == '\t') {
      out += valid[i];
    } else if (byte == '\r') {
      if (next(1) != '\n') append_utf8(out, kPictures + byte);
    } else if (byte < 0x20) {
      append_utf8(out, kPictures + byte);
    } else if (byte == 0x7F) {
      append_utf8(out, kDeletePicture);
    } else if (byte == 0xC2 && next(1) < 0xA0) {  // U+0080 to U+009F
      append_utf8(out, kReplacement);
      ++i;
    } else if (byte == 0xE2 && turns_text(0x2000U | (next(1) & 0x3FU) << 6 | (next(2) & 0x3FU))) {
      append_utf8(out, kReplacement);
      i += 2;
    } else {
      out += valid[i];
    }
  }
  return out;
}

}  // namespace aicoder
