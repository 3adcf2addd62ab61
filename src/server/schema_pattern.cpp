// `pattern`: a subset of ECMA 262 regular expressions, matched against the characters of a JSON string as they are written.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/schema_grammar.h"

namespace aicoder::server {
namespace {

constexpr size_t kMaxPatternBytes = 500, kMaxGroupDepth = 16;
constexpr uint32_t kLastCodePoint = 0x10FFFF;

using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;  // of code points, both ends in

const Ranges& digit_ranges() {
  static const Ranges ranges = {{'0', '9'}};
  return ranges;
}
const Ranges& word_ranges() {
  static const Ranges ranges = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return ranges;
}
const Ranges& space_ranges() {
  static const Ranges ranges = {{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}};
  return ranges;
}

/// Everything printable that is not in the ranges. Control characters are left out: fewer texts, none of them wrong.
Ranges complement(Ranges ranges) {
  ranges.insert(ranges.end(), {{0, 0x1F}, {0x7F, 0x9F}, {0x2028, 0x2029}, {0xD800, 0xDFFF}});
  std::ranges::sort(ranges);
  Ranges out;
  uint32_t next = 0;
  for (const auto& [from, to] : ranges) {
    if (from > next) out.emplace_back(next, from - 1);
    next = std::max(next, to + 1);
  }
  if (next <= kLastCodePoint) out.emplace_back(next, kLastCodePoint);
  return out;
}

std::string in_set(uint32_t c) {
  if (c < 0x80 && (std::isalnum(static_cast<int>(c)) != 0)) return {static_cast<char>(c)};
  if (c < 0x100) return fmt::format("\\x{:02X}", c);
  return c < 0x10000 ? fmt::format("\\u{:04X}", c) : fmt::format("\\U{:08X}", c);
}

class PatternParser {
 public:
  PatternParser(Grammar& grammar, std::string_view pattern, const std::string& where)
      : grammar_(grammar), rest_(pattern), pattern_(pattern), where_(where) {}

  std::string parse() {
    if (pattern_.size() > kMaxPatternBytes) refuse(fmt::format("longer than {} bytes", kMaxPatternBytes));
    // An anchor belongs to its alternative: ^a|b$ is "begins with a, or ends with b".
    std::string out;
    do {
      const bool from_start = take('^');
      const std::string body = sequence();
      const bool to_end = take('$');
      if (!rest_.empty() && rest_[0] != '|') refuse(fmt::format("'{}' is not understood there", rest_[0]));
      const std::string any = grammar_.shared_rule("char") + "*";
      out += fmt::format("{}{}{}{}", out.empty() ? "" : " | ", from_start ? "" : any + " ", body, to_end ? "" : " " + any);
    } while (take('|'));
    return "( " + out + " )";
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw unsupported(where_, fmt::format("pattern '{}': {}", pattern_, why)); }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  uint32_t code_point() {
    const auto first = static_cast<unsigned char>(rest_[0]);
    const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t c = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; ++i) c = (c << 6) | (static_cast<unsigned char>(rest_[i]) & 0x3Fu);
    rest_.remove_prefix(length);
    return c;
  }

  /// Until a bar, a closing parenthesis, or a '$' that ends an alternative.
  std::string sequence() {
    std::string out = "\"\"";  // an empty alternative is one
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')' && rest_[0] != '$') out += " " + quantified();
    return out;
  }

  std::string quantified() {
    std::string one = atom();
    if (rest_.empty()) return one;
    if (take('*')) return repeat(one, 0, std::nullopt);
    if (take('+')) return repeat(one, 1, std::nullopt);
    if (take('?')) return repeat(one, 0, 1);
    if (!take('{')) return one;
    const size_t least = number();
    std::optional<size_t> most = least;
    if (take(',')) most = !rest_.empty() && rest_[0] == '}' ? std::nullopt : std::optional(number());
    if (!take('}')) refuse("a '{' that is no quantifier; write \\{");
    if (most && *most < least) refuse("a quantifier whose end is before its start");
    return repeat(one, least, most);
  }
  std::string repeat(const std::string& one, size_t least, std::optional<size_t> most) {
    if (std::max(least, most.value_or(0)) > grammar_.limits().repeats)
      refuse(fmt::format("more than {} repetitions", grammar_.limits().repeats));
    if (!rest_.empty() && (rest_[0] == '?' || rest_[0] == '+')) refuse("lazy and possessive quantifiers");
    // A rule of its own: llama.cpp counts the rules inside what is repeated.
    return fmt::format("{}{{{},{}}}", grammar_.add_rule(one), least, most ? std::to_string(*most) : "");
  }
  size_t number() {
    size_t value = 0, n = 0;
    for (; !rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_[0])) != 0 && n < 5; ++n) {
      value = value * 10 + static_cast<size_t>(rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    if (n == 0) refuse("a '{' that is no quantifier; write \\{");
    return value;
  }

  std::string atom() {
    if (take('(')) {
      if (++depth_ > kMaxGroupDepth) refuse(fmt::format("groups nested deeper than {}", kMaxGroupDepth));
      if (take('?') && !take(':')) refuse("groups that begin with (? other than (?:");
      std::string out = "( " + sequence();
      while (take('|')) out += " | " + sequence();
      if (!take(')')) refuse("a group that is not closed, or an anchor inside one");
      --depth_;
      return out + " )";
    }
    if (take('[')) return written(bracket());
    if (take('.')) return written(complement({}));
    if (take('\\')) return written(escape());
    if (std::string_view("*+?{}]^").find(rest_[0]) != std::string_view::npos) refuse(fmt::format("'{}' is not understood there", rest_[0]));
    const uint32_t c = code_point();
    return written({{c, c}});
  }

  Ranges escape() {
    if (rest_.empty()) refuse("it ends with a backslash");
    const char c = rest_[0];
    switch (c) {
      case 'd':
        return rest_.remove_prefix(1), digit_ranges();
      case 'D':
        return rest_.remove_prefix(1), complement(digit_ranges());
      case 'w':
        return rest_.remove_prefix(1), word_ranges();
      // Readers disagree on letters beyond ASCII: both sides of the question are left out.
      case 'W':
        return rest_.remove_prefix(1), complement({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {0x80, kLastCodePoint}});
      case 's':
        return rest_.remove_prefix(1), space_ranges();
      case 'S':
        return rest_.remove_prefix(1), complement({{' ', ' '}, {0x80, kLastCodePoint}});
      case 't':
        return rest_.remove_prefix(1), Ranges{{'\t', '\t'}};
      case 'n':
        return rest_.remove_prefix(1), Ranges{{'\n', '\n'}};
      case 'r':
        return rest_.remove_prefix(1), Ranges{{'\r', '\r'}};
      default:
        break;
    }
    if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) != 0) refuse(fmt::format("the escape \\{}", c));
    const uint32_t literal = code_point();
    return {{literal, literal}};
  }

  Ranges bracket() {
    const bool negated = take('^');
    Ranges ranges;
    const auto is_one = [](const Ranges& r) { return r.size() == 1 && r[0].first == r[0].second; };
    while (!rest_.empty() && rest_[0] != ']') {
      Ranges part = member();
      if (is_one(part) && rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        rest_.remove_prefix(1);
        const Ranges end = member();
        if (!is_one(end) || end[0].first < part[0].first) refuse("a range in [] whose end is no character after its start");
        part[0].second = end[0].first;
      }
      ranges.insert(ranges.end(), part.begin(), part.end());
    }
    if (!take(']')) refuse("a [ that is not closed");
    if (negated) return complement(ranges);
    if (ranges.empty()) refuse("[] matches nothing");
    return ranges;
  }
  Ranges member() {
    if (take('\\')) return escape();
    const uint32_t c = code_point();
    return {{c, c}};
  }

  /// The characters as JSON writes them: a quote, a backslash and control characters by their escapes.
  std::string written(const Ranges& ranges) const {
    static constexpr std::pair<uint32_t, const char*> kEscaped[] = {
        {'"', R"("\\\"")"}, {'\\', R"("\\\\")"}, {'\t', R"("\\t")"}, {'\n', R"("\\n")"}, {'\r', R"("\\r")"}};
    std::string set, escapes;
    const auto add = [&set](uint32_t from, uint32_t to) {
      if (from <= to) set += from == to ? in_set(from) : in_set(from) + "-" + in_set(to);
    };
    for (const auto& [from, to] : ranges) {
      for (const auto& [c, text] : kEscaped) {
        if (from <= c && c <= to) escapes += fmt::format("{}{}", escapes.empty() ? "" : " | ", text);
      }
      uint32_t next = std::max(from, uint32_t{0x20});
      for (const uint32_t hole : {uint32_t{'"'}, uint32_t{'\\'}}) {
        if (next > hole || hole > to) continue;
        if (hole > next) add(next, hole - 1);
        next = hole + 1;
      }
      add(next, to);
    }
    if (set.empty() && escapes.empty()) refuse("a character that a JSON string cannot hold in a short form");
    if (set.empty()) return escapes.find('|') == std::string::npos ? escapes : "( " + escapes + " )";
    return escapes.empty() ? "[" + set + "]" : fmt::format("( [{}] | {} )", set, escapes);
  }

  Grammar& grammar_;
  std::string_view rest_, pattern_;
  const std::string& where_;
  size_t depth_ = 0;
};

}  // namespace

std::string pattern_to_gbnf(Grammar& grammar, std::string_view pattern, const std::string& where) {
  return PatternParser(grammar, pattern, where).parse();
}

}  // namespace aicoder::server
