#include "text/contamination.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <string>

#include "text/script.h"
#include "text/utf8.h"

namespace aicoder {
namespace text {
namespace {

using Places = std::vector<ContaminationFound>;

struct Point {
  char32_t value = 0;
  size_t begin = 0, end = 0;
};

std::vector<Point> points_of(std::string_view line) {
  std::vector<Point> points;
  for (size_t at = 0; at < line.size();) {
    const size_t begin = at;
    const char32_t value = next_code_point(line, at);
    points.push_back({value, begin, at});
  }
  return points;
}

bool ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool name_char(char c) { return ascii_letter(c) || ascii_digit(c) || c == '_'; }

/// Length of a tag, comment or character entity at `at`; 0: none. "a < b" and "<이름>" are none.
size_t html_at(std::string_view line, size_t at) {
  const std::string_view rest = line.substr(at);
  if (rest.starts_with("<!--")) {
    const size_t end = rest.find("-->");
    return end == std::string_view::npos ? rest.size() : end + 3;
  }
  if (rest.starts_with("<!DOCTYPE") || rest.starts_with("<!doctype")) return std::min(rest.find('>'), rest.size() - 1) + 1;
  if (rest.front() == '&') {
    size_t end = 1;
    const bool number = rest.size() > 1 && rest[1] == '#';
    if (number) ++end;
    const size_t first = end;
    while (end < rest.size() && end < 12 && (ascii_letter(rest[end]) || ascii_digit(rest[end]))) ++end;
    return end - first >= 2 && end < rest.size() && rest[end] == ';' ? end + 1 : 0;
  }
  if (rest.front() != '<') return 0;
  size_t end = 1;
  if (end < rest.size() && rest[end] == '/') ++end;
  const size_t name = end;
  while (end < rest.size() && (ascii_letter(rest[end]) || ascii_digit(rest[end]))) ++end;
  if (end == name || !ascii_letter(rest[name])) return 0;
  if (end < rest.size() && rest[end] != '>' && rest[end] != ' ' && rest[end] != '/') return 0;
  const size_t close = rest.find('>', end);
  if (close == std::string_view::npos || rest.substr(1, close - 1).find('<') != std::string_view::npos) return 0;
  // Attributes or nothing between name and end: not "<b is smaller than c>".
  const std::string_view inside = rest.substr(end, close - end);
  const bool plain = inside.find_first_not_of(" /") == std::string_view::npos;
  return plain || inside.find('=') != std::string_view::npos ? close + 1 : 0;
}

constexpr std::array<std::string_view, 21> kTemplateMarks = {"<|im_start|>",
                                                             "<|im_end|>",
                                                             "<|endoftext|>",
                                                             "<|eot_id|>",
                                                             "<|start_header_id|>",
                                                             "<|end_header_id|>",
                                                             "<|begin_of_text|>",
                                                             "<|assistant|>",
                                                             "<|user|>",
                                                             "<|system|>",
                                                             "<start_of_turn>",
                                                             "<end_of_turn>",
                                                             "[INST]",
                                                             "[/INST]",
                                                             "<<SYS>>",
                                                             "<</SYS>>",
                                                             "<unk>",
                                                             "<pad>",
                                                             "### Instruction:",
                                                             "### Response:",
                                                             "### Input:"};

/// Length of a chat template's mark at `at`; 0: none. Any <|word|> is one; so are <s> and </s>.
size_t template_at(std::string_view line, size_t at) {
  const std::string_view rest = line.substr(at);
  for (const std::string_view mark : kTemplateMarks) {
    if (rest.starts_with(mark)) return mark.size();
  }
  if (rest.starts_with("<s>")) return 3;
  if (rest.starts_with("</s>")) return 4;
  if (!rest.starts_with("<|")) return 0;
  const size_t end = rest.find("|>");
  if (end == std::string_view::npos || end == 2 || end > 40) return 0;
  return std::all_of(rest.begin() + 2, rest.begin() + static_cast<std::ptrdiff_t>(end), name_char) ? end + 2 : 0;
}

void find_marks(std::string_view line, Places& places) {
  for (size_t at = 0; at < line.size();) {
    size_t length = 0;
    Contamination kind = Contamination::kTemplate;
    if (line[at] == '<' || line[at] == '[' || line[at] == '#') length = template_at(line, at);
    if (length == 0 && (line[at] == '<' || line[at] == '&')) {
      length = html_at(line, at);
      kind = Contamination::kHtml;
    }
    if (length > 0) places.push_back({kind, at, at + length});
    at += std::max<size_t>(length, 1);
  }
}

/// A line that is program text: a fence, a statement by its head, or an end and brackets no sentence has.
bool looks_like_code(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return false;
  const std::string_view text = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
  if (text.starts_with("```") || text.starts_with("~~~")) return true;
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  struct Head {
    std::string_view begins, holds;
  };
  static constexpr std::array<Head, 27> kHeads = {
      {{"def ", "("},         {"class ", ":"},  {"class ", "{"},       {"import ", ""},  {"from ", " import "}, {"#include", "<"},
       {"#include", "\""},    {"#define ", ""}, {"function ", "("},    {"const ", "="},  {"let ", "="},         {"var ", "="},
       {"return ", ";"},      {"return ", "("}, {"if (", ")"},         {"for (", ")"},   {"while (", ")"},      {"for ", " in range("},
       {"print(", ")"},       {"printf(", ")"}, {"console.log(", ")"}, {"public ", "("}, {"private ", "("},     {"static ", "("},
       {"SELECT ", " FROM "}, {"#!/", ""},      {"std::", ""}}};
  for (const Head& head : kHeads) {
    if (text.starts_with(head.begins) && (head.holds.empty() || has(head.holds))) {
      // "import 된", "class of 30: ..." in prose: letters beyond ASCII before the sign make it none.
      const std::string_view until = text.substr(0, head.holds.empty() ? text.size() : text.find(head.holds));
      if (std::all_of(until.begin(), until.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return true;
    }
  }
  if (text == "{" || text == "}" || text == "};" || text == "});" || text == "})") return true;
  const bool ends = text.ends_with(';') || text.ends_with('{') || text.ends_with(");") || text.ends_with("){");
  const bool signs = has(" = ") || has("==") || has("!=") || has("+=") || has("->") || has("=>") || has("()") || has("::") || has("&&");
  if (ends && signs) return true;
  // name(args) alone, or name = value( ... ): an ASCII line that is one call.
  size_t name = 0;
  while (name < text.size() && (name_char(text[name]) || text[name] == '.')) ++name;
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return ascii && name > 0 && ascii_letter(text[0]) && text.substr(name).starts_with(" = ") &&
         (has("(") || has("[") || has("{") || has("\""));
}

bool is_emoji(char32_t point) {
  const auto c = static_cast<UChar32>(point);
  if (u_hasBinaryProperty(c, UCHAR_EMOJI_PRESENTATION) || u_hasBinaryProperty(c, UCHAR_EMOJI_MODIFIER)) return true;
  return (point >= 0x1F300 && point <= 0x1FAFF) || (point >= 0x1F1E6 && point <= 0x1F1FF);
}

bool is_control(char32_t point) {
  if (point < 0x20) return point != U'\t' && point != U'\r';
  if (point >= 0x7F && point <= 0x9F) return true;
  return point == 0x200B || point == 0x2060 || point == 0xFEFF || (point >= 0x202A && point <= 0x202E) ||
         (point >= 0x2066 && point <= 0x2069);
}

/// No mark of running text: the replacement character, private use, drawings of boxes and blocks.
bool is_special(char32_t point) {
  if (point == kReplacement) return true;
  if ((point >= 0x2500 && point <= 0x259F && point != 0x2500) || (point >= 0x2800 && point <= 0x28FF)) return true;
  return (U_GET_GC_MASK(static_cast<UChar32>(point)) & (U_GC_CO_MASK | U_GC_CN_MASK)) != 0;
}

bool is_sign(char32_t point) {
  return point < 0x80 && std::string_view("#@$%^&*_=|\\<>{}[]").find(static_cast<char>(point)) != std::string_view::npos;
}

/// Runs of code points that `belongs`, of at least `least`.
template <class Belongs>
void find_runs(const std::vector<Point>& points, Contamination kind, size_t least, Places& places, Belongs belongs) {
  for (size_t i = 0; i < points.size();) {
    size_t end = i;
    while (end < points.size() && belongs(points[end].value)) ++end;
    if (end - i >= least) places.push_back({kind, points[i].begin, points[end - 1].end});
    i = std::max(end, i + 1);
  }
}

void find_special(const std::vector<Point>& points, Places& places) {
  find_runs(points, Contamination::kSpecial, 1, places, is_special);
  // Three signs in a row are noise, but a line of nothing else parts scenes.
  const bool parts = std::all_of(points.begin(), points.end(), [](const Point& p) { return is_sign(p.value) || is_blank(p.value); });
  if (!parts) find_runs(points, Contamination::kSpecial, 3, places, is_sign);
}

/// Words of a script that neither the target nor its readers use: kana, Thai, ... one letter; whole phrases of Latin in Korean; Han beyond
/// a gloss in brackets.
void find_foreign(std::string_view line, const std::vector<Point>& points, Script target, Places& places) {
  constexpr size_t kPhraseWords = 4;
  const auto of = [](const Point& p) { return script_of(p.value); };
  for (size_t i = 0; i < points.size();) {
    const auto script = of(points[i]);
    if (!script || *script == target) {
      ++i;
      continue;
    }
    size_t end = i, last = i, words = 1;
    for (; end < points.size(); ++end) {
      const auto here = of(points[end]);
      if (here && *here == *script) {
        if (end > last + 1) ++words;
        last = end;
      } else if (here || points[end].value > 0x7F || ascii_digit(static_cast<char>(points[end].value))) {
        break;
      }
    }
    bool foreign = true;
    if (*script == Script::kLatin && target == Script::kHangul) foreign = words >= kPhraseWords;
    if (*script == Script::kHan && target == Script::kHangul) {
      const size_t before = points[i].begin;
      const bool gloss = before > 0 && (line[before - 1] == '(' || line[before - 1] == '[');
      foreign = !gloss && last - i >= 3;
    }
    if (foreign) places.push_back({Contamination::kForeignScript, points[i].begin, points[last].end});
    i = last + 1;
  }
}

struct Word {
  std::string_view text;
  size_t begin = 0, end = 0;
};

std::vector<Word> words_of(std::string_view line) {
  std::vector<Word> words;
  size_t begin = 0;
  for (size_t at = 0; at <= line.size();) {
    const size_t here = at;
    const bool end = at == line.size() || is_blank(next_code_point(line, at));
    if (end) {
      if (here > begin) words.push_back({line.substr(begin, here - begin), begin, here});
      begin = std::max(at, here);
      if (here == line.size()) break;
    }
  }
  return words;
}

/// A letter 15 times (laughter and tears of chat, ㅋㅎㅠㅜ, are no failure), a word 5 times, a phrase of 2 to 12 words 3 times in a row.
void find_repetition(std::string_view line, const std::vector<Point>& points, Places& places) {
  constexpr size_t kLetters = 15, kWords = 5, kPhrases = 3, kLongestPhrase = 12;
  for (size_t i = 0; i < points.size();) {
    size_t end = i + 1;
    while (end < points.size() && points[end].value == points[i].value) ++end;
    const char32_t value = points[i].value;
    const bool chat = value == U'ㅋ' || value == U'ㅎ' || value == U'ㅠ' || value == U'ㅜ';
    if (end - i >= kLetters && !chat && script_of(value))
      places.push_back({Contamination::kRepetition, points[i].begin, points[end - 1].end});
    i = end;
  }
  const auto words = words_of(line);
  for (size_t i = 0; i < words.size();) {
    size_t skip = 1;
    for (size_t period = 1; period <= kLongestPhrase && i + 2 * period <= words.size(); ++period) {
      size_t same = 0;
      while (i + period + same < words.size() && words[i + same].text == words[i + period + same].text) ++same;
      const size_t times = same / period + 1;
      if (times < (period == 1 ? kWords : kPhrases)) continue;
      places.push_back({Contamination::kRepetition, words[i].begin, words[i + times * period - 1].end});
      skip = times * period;
      break;
    }
    i += skip;
  }
}

}  // namespace

std::vector<ContaminationFound> find_in_line(std::string_view line, Script target) {
  Places places;
  find_marks(line, places);
  if (looks_like_code(line)) places.push_back({Contamination::kCode, 0, line.size()});
  const auto points = points_of(line);
  find_runs(points, Contamination::kEmoji, 1, places, is_emoji);
  Places special;
  find_special(points, special);
  // The signs of a mark that is known as one ("### Response:") are not told twice.
  std::erase_if(special, [&](const auto& sign) {
    return std::any_of(places.begin(), places.end(), [&](const auto& mark) { return sign.begin < mark.end && mark.begin < sign.end; });
  });
  places.insert(places.end(), special.begin(), special.end());
  find_runs(points, Contamination::kControl, 1, places, is_control);
  find_foreign(line, points, target, places);
  find_repetition(line, points, places);
  std::stable_sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  return places;
}

}  // namespace text

std::string_view to_string(Contamination kind) noexcept {
  constexpr std::array<std::string_view, kContaminations> kNames = {"html",    "code",           "emoji",      "special",
                                                                    "control", "foreign_script", "repetition", "template"};
  return kNames.at(static_cast<size_t>(kind));
}

}  // namespace aicoder
