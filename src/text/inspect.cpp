// Purity and contamination of a whole text, line by line.
#include <algorithm>

#include "aicoder/text.h"
#include "text/contamination.h"
#include "text/script.h"
#include "text/utf8.h"

namespace aicoder {
namespace {

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

void blank_out(std::string& line, size_t begin, size_t end) {
  std::fill(line.begin() + static_cast<std::ptrdiff_t>(begin), line.begin() + static_cast<std::ptrdiff_t>(end), ' ');
}

/// What stands between quotation marks becomes blanks, so that places stay where they are.
void leave_out_quotes(std::string& line) {
  struct Pair {
    std::string_view open, close;
  };
  static constexpr std::array<Pair, 6> kPairs = {{{"\"", "\""}, {"“", "”"}, {"‘", "’"}, {"「", "」"}, {"『", "』"}, {"«", "»"}}};
  for (const Pair& pair : kPairs) {
    for (size_t at = line.find(pair.open); at != std::string::npos;) {
      const size_t inside = at + pair.open.size(), end = line.find(pair.close, inside);
      if (end == std::string::npos) break;
      blank_out(line, inside, end);
      at = line.find(pair.open, end + pair.close.size());
    }
  }
}

/// Allowed words become blanks where they stand alone in their script: "TV를" but not "TVs".
void leave_out_allowed(std::string& line, const std::vector<std::string>& allowed) {
  if (allowed.empty()) return;
  const auto letter_at = [&line](size_t at) {
    size_t next = at;
    return text::script_of(text::next_code_point(line, next));
  };
  for (size_t at = 0; at < line.size();) {
    const auto script = letter_at(at);
    size_t end = at;
    while (end < line.size() && script && letter_at(end) == script) (void)text::next_code_point(line, end);
    if (end == at) {
      (void)text::next_code_point(line, at);
      continue;
    }
    const std::string word = lower_ascii(std::string_view(line).substr(at, end - at));
    if (std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) { return lower_ascii(one) == word; }))
      blank_out(line, at, end);
    at = end;
  }
}

/// Equal lines three times in a row are a loop, wherever they stand.
class LineLoop {
 public:
  bool closes(std::string_view line) {
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return false;
    times_ = line == last_ ? times_ + 1 : 1;
    last_ = line;
    return times_ >= 3 && line.size() > 3;  // "***" between scenes is none
  }

 private:
  std::string last_;
  size_t times_ = 0;
};

}  // namespace

TextReport inspect_text(std::string_view text, const InspectOptions& options) {
  TextReport report;
  LineLoop loop;
  bool in_code = false;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line(text.substr(at, end - at));
    const size_t begin = at;
    at = end + 1;
    ++number;
    const bool fence = line.find_first_not_of(" \t") != std::string::npos &&
                       std::string_view(line).substr(line.find_first_not_of(" \t")).starts_with("```");
    if (options.skip_code_blocks && (fence || in_code)) {
      in_code = fence ? !in_code : in_code;
      continue;
    }
    if (options.skip_quotes) leave_out_quotes(line);
    leave_out_allowed(line, options.allowed_words);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const LetterCounts letters = count_letters(line);
    LineReport one{number, letters.all() == 0 ? 1.0 : letters.share(options.target), {}};
    for (size_t i = 0; i < kScripts; ++i) report.letters.of[i] += letters.of[i];
    auto found = text::find_in_line(line, options.target);
    if (loop.closes(line)) found.push_back({Contamination::kRepetition, 0, line.size()});
    for (auto& place : found) {
      place.begin += begin;
      place.end += begin;
      place.line = number;
      ++report.contamination[static_cast<size_t>(place.kind)];
      if (std::find(one.contamination.begin(), one.contamination.end(), place.kind) == one.contamination.end())
        one.contamination.push_back(place.kind);
      report.found.push_back(place);
    }
    report.lines.push_back(std::move(one));
  }
  if (report.letters.all() > 0) report.purity = report.letters.share(options.target);
  return report;
}

}  // namespace aicoder
