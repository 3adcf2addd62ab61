#include "text/script.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <numeric>
#include <vector>

#include "text/utf8.h"

namespace aicoder {
namespace text {
namespace {

constexpr uint8_t kNoLetter = 0xFF;
constexpr char32_t kTableEnd = 0x10000;

uint8_t look_up(char32_t point) noexcept {
  const auto c = static_cast<UChar32>(point);
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &status);
  if (!u_isalpha(c)) {
    // Vowel signs of Thai or Devanagari are no letters to Unicode, but a word without them is none either.
    const bool mark = (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0;
    if (!mark || script == USCRIPT_INHERITED || script == USCRIPT_COMMON) return kNoLetter;
  }
  switch (script) {
    case USCRIPT_HANGUL:
      return static_cast<uint8_t>(Script::kHangul);
    case USCRIPT_LATIN:
      return static_cast<uint8_t>(Script::kLatin);
    case USCRIPT_HAN:
      return static_cast<uint8_t>(Script::kHan);
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
      return static_cast<uint8_t>(Script::kKana);
    case USCRIPT_COMMON:
      // The kana length mark and its kin are of both kana; other letters of no script (modifiers, styled mathematics) count for none.
      return (point >= 0x30A0 && point <= 0x30FF) || point == 0xFF70 ? static_cast<uint8_t>(Script::kKana) : kNoLetter;
    default:
      return static_cast<uint8_t>(Script::kOther);
  }
}

/// All of the basic plane, so that counting is a look-up a letter.
const std::vector<uint8_t>& table() {
  static const std::vector<uint8_t> scripts = [] {
    std::vector<uint8_t> made(kTableEnd);
    for (char32_t point = 0; point < kTableEnd; ++point) made[point] = look_up(point);
    return made;
  }();
  return scripts;
}

}  // namespace

std::optional<Script> script_of(char32_t point) noexcept {
  const uint8_t script = point < kTableEnd ? table()[point] : look_up(point);
  if (script == kNoLetter) return std::nullopt;
  return static_cast<Script>(script);
}

}  // namespace text

std::string_view to_string(Script script) noexcept {
  constexpr std::array<std::string_view, kScripts> kNames = {"hangul", "latin", "han", "kana", "other"};
  return kNames.at(static_cast<size_t>(script));
}

uint64_t LetterCounts::all() const noexcept { return std::accumulate(of.begin(), of.end(), uint64_t{0}); }

double LetterCounts::share(Script script) const noexcept {
  const uint64_t letters = all();
  return letters == 0 ? 0.0 : static_cast<double>(of.at(static_cast<size_t>(script))) / static_cast<double>(letters);
}

LetterCounts count_letters(std::string_view text) {
  LetterCounts counts;
  for (size_t at = 0; at < text.size();) {
    if (const auto script = text::script_of(text::next_code_point(text, at))) ++counts.of[static_cast<size_t>(*script)];
  }
  return counts;
}

}  // namespace aicoder
