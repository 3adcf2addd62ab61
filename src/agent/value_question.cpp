#include "agent/value_question.h"

#include <array>
#include <string>

#include "agent/ascii.h"
#include "aicoder/text.h"

namespace aicoder::agent {
namespace {

bool is_word_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

/// ASCII words stand alone; Korean stems carry endings, so they match anywhere.
size_t count_words(const std::string& text, std::string_view word) {
  const bool ascii = static_cast<unsigned char>(word.front()) < 0x80;
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) {
    const size_t end = at + word.size();
    if (ascii && ((at > 0 && is_word_char(text[at - 1])) || (end < text.size() && is_word_char(text[end])))) continue;
    ++n;
  }
  return n;
}

template <size_t N>
size_t count_any(const std::string& text, const std::array<std::string_view, N>& words) {
  size_t n = 0;
  for (const std::string_view word : words) n += count_words(text, word);
  return n;
}

// Small numbers are mostly written out: "three friends share a dozen eggs".
constexpr std::array<std::string_view, 24> kNumberWords = {"one",  "two",   "three",  "four",   "five",    "six",     "seven",    "eight",
                                                           "nine", "ten",   "twelve", "twenty", "thirty",  "hundred", "thousand", "dozen",
                                                           "half", "twice", "double", "triple", "quarter", "third",   "percent",  "두 배"};
constexpr std::array<std::string_view, 17> kAsks = {
    "how many", "how much", "how long", "how old", "how far",  "how tall",  "what is the total",   "what percentage", "calculate",
    "compute",  "몇",       "얼마",     "계산",    "how fast", "how often", "what is the average", "what fraction"};
constexpr std::array<std::string_view, 11> kWrites = {"write", "implement", "create", "define", "complete", "generate",
                                                      "작성",  "구현",      "만들",   "짜",     "완성"};
constexpr std::array<std::string_view, 14> kCode = {"function", "class", "script", "program", "code",     "algorithm", "method",
                                                    "module",   "함수",  "코드",   "클래스",  "프로그램", "스크립트",  "알고리즘"};

}  // namespace

bool asks_for_code(std::string_view task) {
  const std::string text = lower_ascii(task);
  return count_any(text, kWrites) > 0 && count_any(text, kCode) > 0;
}

bool asks_for_value(std::string_view task) {
  const std::string text = lower_ascii(task);
  if (count_numbers(text) + count_any(text, kNumberWords) < 2) return false;
  return count_any(text, kAsks) > 0 || (count_words(text, "what") > 0 && text.find('?') != std::string::npos);
}

}  // namespace aicoder::agent
