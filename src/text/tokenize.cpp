// sacrebleu's tokenizers 13a (mteval-v13a), intl (mteval-v14 --international-tokenization) and char, rule by rule: each is a pass of
// substitutions that do not overlap, so each is a loop here. Source: Post 2018, arXiv 1804.08771, and NIST's mteval scripts it follows.
#include "text/tokenize.h"

#include <unicode/uchar.h>

#include "aicoder/core.h"
#include "aicoder/text.h"
#include "text/utf8.h"

namespace aicoder {
namespace text {

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  for (size_t at = 0; at < line.size();) {
    const char32_t point = next_code_point(line, at);
    if (!is_blank(point)) {
      append_code_point(word, point);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string_view strip_end(std::string_view line) {
  size_t end = 0;
  for (size_t at = 0; at < line.size();) {
    if (!is_blank(next_code_point(line, at))) end = at;
  }
  return line.substr(0, end);
}

}  // namespace text

namespace {

using text::append_code_point;
using text::split_words;

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) text.replace(at, what.size(), with);
}

using Points = std::u32string;

/// Two neighbours that match become first, gap as `between` says, second; what was taken is not looked at again.
template <class Match, class Put>
Points substitute_pairs(const Points& line, Match match, Put put) {
  Points out;
  for (size_t i = 0; i < line.size();) {
    if (i + 1 < line.size() && match(line[i], line[i + 1])) {
      put(out, line[i], line[i + 1]);
      i += 2;
    } else {
      out += line[i++];
    }
  }
  return out;
}

template <class Match>
Points surround(const Points& line, Match match) {
  Points out;
  for (const char32_t c : line) {
    if (match(c)) {
      out += U' ';
      out += c;
      out += U' ';
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<std::string> words_of(const Points& line) {
  std::string text;
  for (const char32_t c : line) append_code_point(text, c);
  return split_words(text);
}

void gap_after_both(Points& out, char32_t a, char32_t b) {
  out += a;
  out += U' ';
  out += b;
  out += U' ';
}
void gap_before_and_between(Points& out, char32_t a, char32_t b) {
  out += U' ';
  out += a;
  out += U' ';
  out += b;
}

std::vector<std::string> tokenize_13a(std::string_view line) {
  std::string text(line);
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  replace_all(text, "&quot;", "\"");
  replace_all(text, "&amp;", "&");
  replace_all(text, "&lt;", "<");
  replace_all(text, "&gt;", ">");
  Points points = text::to_code_points(" " + text + " ");
  const auto digit = [](char32_t c) { return c >= U'0' && c <= U'9'; };
  const auto stop = [](char32_t c) { return c == U'.' || c == U','; };
  points = surround(points, [](char32_t c) {
    return (c >= U'{' && c <= U'~') || (c >= U'[' && c <= U'`') || (c >= U' ' && c <= U'&') || (c >= U'(' && c <= U'+') ||
           (c >= U':' && c <= U'@') || c == U'/';
  });
  points = substitute_pairs(points, [&](char32_t a, char32_t b) { return !digit(a) && stop(b); }, gap_after_both);
  points = substitute_pairs(points, [&](char32_t a, char32_t b) { return stop(a) && !digit(b); }, gap_before_and_between);
  points = substitute_pairs(points, [&](char32_t a, char32_t b) { return digit(a) && b == U'-'; }, gap_after_both);
  return words_of(points);
}

bool in_category(char32_t c, uint32_t mask) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0; }

std::vector<std::string> tokenize_intl(std::string_view line) {
  const auto number = [](char32_t c) { return in_category(c, U_GC_N_MASK); };
  const auto punctuation = [](char32_t c) { return in_category(c, U_GC_P_MASK); };
  Points points = text::to_code_points(line);
  points = substitute_pairs(points, [&](char32_t a, char32_t b) { return !number(a) && punctuation(b); }, gap_after_both);
  points = substitute_pairs(points, [&](char32_t a, char32_t b) { return punctuation(a) && !number(b); }, gap_before_and_between);
  points = surround(points, [](char32_t c) { return in_category(c, U_GC_S_MASK); });
  return words_of(points);
}

std::vector<std::string> tokenize_char(std::string_view line) {
  std::vector<std::string> characters;
  for (size_t at = 0; at < line.size();) {
    const char32_t point = text::next_code_point(line, at);
    if (text::is_blank(point)) continue;
    append_code_point(characters.emplace_back(), point);
  }
  return characters;
}

}  // namespace

std::string_view to_string(Tokenizer tokenizer) noexcept {
  switch (tokenizer) {
    case Tokenizer::k13a:
      return "13a";
    case Tokenizer::kIntl:
      return "intl";
    case Tokenizer::kChar:
      return "char";
  }
  return "13a";
}

Tokenizer parse_tokenizer(std::string_view name) {
  for (const Tokenizer tokenizer : {Tokenizer::k13a, Tokenizer::kIntl, Tokenizer::kChar}) {
    if (name == to_string(tokenizer)) return tokenizer;
  }
  throw Error(ErrorCode::kInvalidArgument, "[bleu] tokenizer is '" + to_valid_utf8(name) + "', expected 13a, intl or char");
}

std::vector<std::string> tokenize_for_bleu(std::string_view line, Tokenizer tokenizer) {
  switch (tokenizer) {
    case Tokenizer::k13a:
      return tokenize_13a(line);
    case Tokenizer::kIntl:
      return tokenize_intl(line);
    case Tokenizer::kChar:
      return tokenize_char(line);
  }
  return {};
}

}  // namespace aicoder
