#include "rag/search_terms.h"

#include <algorithm>
#include <cstdint>
#include <set>

namespace aicoder::rag {
namespace {

/// The code point at `at`, and its length; 0 and 1 for what is ill-formed.
uint32_t decode(std::string_view text, size_t at, size_t& length) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint32_t first = byte(0);
  length = 1;
  if (first < 0x80) return first;
  if (first >= 0xC2 && first < 0xE0 && follows(1)) {
    length = 2;
    return (first & 0x1F) << 6 | (byte(1) & 0x3F);
  }
  if (first >= 0xE0 && first < 0xF0 && follows(1) && follows(2)) {
    length = 3;
    return (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  }
  if (first >= 0xF0 && first < 0xF5 && follows(1) && follows(2) && follows(3)) {
    length = 4;
    return (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
  return 0;
}

enum class Kind { kSeparator, kWord, kPaired };

Kind kind_of(uint32_t code) {
  if (code < 0x80) {
    const bool word = (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || code == '_';
    return word ? Kind::kWord : Kind::kSeparator;
  }
  // Hangul syllables and letters, kana, CJK ideographs.
  if ((code >= 0xAC00 && code <= 0xD7A3) || (code >= 0x1100 && code <= 0x11FF) || (code >= 0x3130 && code <= 0x318F) ||
      (code >= 0x3040 && code <= 0x30FF) || (code >= 0x3400 && code <= 0x9FFF) || (code >= 0xF900 && code <= 0xFAFF) ||
      (code >= 0x20000 && code <= 0x3FFFF)) {
    return Kind::kPaired;
  }
  // Punctuation, signs and spaces of Latin-1 and beyond; all else is letters of some alphabet.
  if (code < 0xC0 || code == 0xD7 || code == 0xF7 || (code >= 0x2000 && code <= 0x2BFF) || (code >= 0x3000 && code <= 0x303F) ||
      (code >= 0xFE00 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF0F) || code >= 0x1F000) {
    return Kind::kSeparator;
  }
  return Kind::kWord;
}

bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

std::string lowered(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// "HTTPServer2_start" gives "HTTP", "Server", "2", "start".
std::vector<std::string_view> parts_of(std::string_view word) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (size_t i = 0; i <= word.size(); ++i) {
    bool cut = i == word.size() || word[i] == '_';
    if (!cut && i > begin) {
      const char before = word[i - 1], here = word[i];
      const bool acronym_ends = upper(before) && upper(here) && i + 1 < word.size() && lower(word[i + 1]);
      cut = (lower(before) && upper(here)) || acronym_ends || (digit(before) != digit(here));
    }
    if (!cut) continue;
    if (i > begin) parts.push_back(word.substr(begin, i - begin));
    begin = i < word.size() && word[i] == '_' ? i + 1 : i;
  }
  return parts;
}

template <typename OnWord, typename OnPaired>
void walk(std::string_view text, OnWord&& on_word, OnPaired&& on_paired) {
  size_t begin = 0, length = 1;
  Kind running = Kind::kSeparator;
  std::vector<size_t> starts;  // of the characters of a run that is paired
  const auto end_run = [&](size_t end) {
    if (running == Kind::kWord) on_word(text.substr(begin, end - begin));
    if (running == Kind::kPaired) {
      starts.push_back(end);
      on_paired(text, starts);
    }
    starts.clear();
    running = Kind::kSeparator;
  };
  for (size_t at = 0; at < text.size(); at += length) {
    const Kind kind = kind_of(decode(text, at, length));
    if (kind != running) {
      end_run(at);
      begin = at;
      running = kind;
    }
    if (kind == Kind::kPaired) starts.push_back(at);
  }
  end_run(text.size());
}

}  // namespace

std::vector<std::string> search_terms(std::string_view text) {
  std::vector<std::string> terms;
  walk(
      text,
      [&](std::string_view word) {
        const auto parts = parts_of(word);
        const std::string whole = lowered(word);
        if (whole.find_first_not_of('_') == std::string::npos) return;
        terms.push_back(whole);
        if (parts.size() == 1 && parts[0].size() == word.size()) return;
        for (std::string_view part : parts) terms.push_back(lowered(part));
      },
      [&](std::string_view all, const std::vector<size_t>& starts) {
        if (starts.size() == 2) terms.emplace_back(all.substr(starts[0], starts[1] - starts[0]));
        for (size_t i = 0; i + 2 < starts.size(); ++i) terms.emplace_back(all.substr(starts[i], starts[i + 2] - starts[i]));
      });
  return terms;
}

std::vector<std::string> identifiers(std::string_view text) {
  std::vector<std::string> found;
  walk(
      text,
      [&](std::string_view word) {
        if (word.size() >= 3 && parts_of(word).size() > 1) found.push_back(lowered(word));
      },
      [](std::string_view, const std::vector<size_t>&) {});
  return found;
}

std::string match_any(const std::vector<std::string>& terms) {
  std::string query;
  std::set<std::string> seen;
  for (const std::string& term : terms) {
    // Terms hold letters, digits and underscores only; quoted, none of them is an operator.
    if (!seen.insert(term).second) continue;
    query += (query.empty() ? "\"" : " OR \"") + term + "\"";
  }
  return query;
}

}  // namespace aicoder::rag
