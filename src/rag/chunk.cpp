#include <algorithm>
#include <array>

#include "aicoder/rag.h"

namespace aicoder {
namespace {

struct Line {
  std::string_view text;  ///< with its line end
  size_t number;          ///< from 1
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back({text.substr(0, end), lines.size() + 1});
    text.remove_prefix(end);
  }
  return lines;
}

bool blank(std::string_view line) { return line.find_first_not_of(" \t\r\n\f") == std::string_view::npos; }
size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(" \t"), line.size()); }
std::string_view trimmed(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t\r\n\f");
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t\r\n\f") - begin + 1);
}

/// A run of lines that belongs together, before joining and dividing.
struct Piece {
  size_t first, last;  ///< lines [first, last)
  std::string name;
  bool definition = false;  ///< is found as a whole: never joined to its neighbours
};

std::string_view word_after(std::string_view text, std::string_view prefix) {
  text.remove_prefix(prefix.size());
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());
  const size_t end = text.find_first_of(" (:{<[;,=", begin);
  return text.substr(begin, end == std::string_view::npos ? end : end - begin);
}

/// Name of the definition that starts here; "" when none does.
std::string_view python_definition(std::string_view line) {
  for (std::string_view start : {"def ", "class ", "async def "}) {
    if (line.starts_with(start)) return word_after(line, start);
  }
  return {};
}

/// Definitions at `depth` columns within lines [begin, end), each with the decorators and comments above it; what is between them too.
void python_pieces(const std::vector<Line>& lines, size_t begin, size_t end, size_t depth, const std::string& outer, size_t target,
                   std::vector<Piece>& out) {
  size_t from = begin;
  std::string name = outer;
  bool definition = false;
  const auto close = [&](size_t at) {
    if (at <= from) return;
    size_t size = 0;
    for (size_t i = from; i < at; ++i) size += lines[i].text.size();
    const bool is_class = definition && size > target && depth < 16;
    if (is_class) {
      // A large class or function: its header, then its own definitions.
      size_t head = from;
      while (head < at && python_definition(trimmed(lines[head].text)).empty()) ++head;
      size_t inner = head + 1;
      while (inner < at && (blank(lines[inner].text) || indent_of(lines[inner].text) <= depth)) ++inner;
      const size_t inner_depth = inner < at ? indent_of(lines[inner].text) : 0;
      if (inner_depth > depth) {
        out.push_back({from, head + 1, name, false});
        python_pieces(lines, head + 1, at, inner_depth, name, target, out);
        from = at;
        return;
      }
    }
    out.push_back({from, at, name, definition});
    from = at;
  };
  for (size_t i = begin; i < end; ++i) {
    const std::string_view text = lines[i].text;
    if (blank(text) || indent_of(text) != depth) continue;
    const std::string_view defined = python_definition(trimmed(text));
    if (defined.empty()) {
      if (definition && trimmed(text).front() != ')') {  // a statement after a definition
        close(i);
        name = outer;
        definition = false;
      }
      continue;
    }
    size_t top = i;  // decorators and comments right above belong to it
    while (top > from && !blank(lines[top - 1].text) && indent_of(lines[top - 1].text) == depth &&
           (trimmed(lines[top - 1].text).front() == '@' || trimmed(lines[top - 1].text).front() == '#')) {
      --top;
    }
    close(top);
    name = (outer.empty() ? "" : outer + " > ") + std::string(defined);
    definition = true;
  }
  close(end);
}

/// Blocks at depth 0 of a language with braces; strings and comments are stepped over.
std::vector<Piece> brace_pieces(const std::vector<Line>& lines) {
  std::vector<Piece> out;
  size_t from = 0;
  int depth = 0;
  bool comment = false, opened = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    char quote = 0;
    const std::string_view text = lines[i].text;
    for (size_t j = 0; j < text.size(); ++j) {
      const char c = text[j], next = j + 1 < text.size() ? text[j + 1] : '\0';
      if (comment) {
        if (c == '*' && next == '/') comment = false;
      } else if (quote != 0) {
        if (c == '\\') ++j;
        if (c == quote) quote = 0;
      } else if (c == '/' && next == '/') {
        break;
      } else if (c == '/' && next == '*') {
        comment = true;
      } else if (c == '"' || (c == '\'' && j > 0 && std::isalnum(static_cast<unsigned char>(text[j - 1])) == 0)) {
        quote = c;
      } else if (c == '{') {
        ++depth;
        opened = true;
      } else if (c == '}') {
        depth = std::max(0, depth - 1);
      }
    }
    const bool block_ends = opened && depth == 0;
    const bool paragraph_ends = !opened && depth == 0 && blank(text);
    if (!block_ends && !paragraph_ends) continue;
    if (paragraph_ends && i == from && !out.empty()) {  // an empty line belongs to what is above it
      out.back().last = i + 1;
      from = i + 1;
      continue;
    }
    std::string_view head;
    for (size_t k = from; k <= i && head.empty(); ++k) {
      const std::string_view line = trimmed(lines[k].text);
      if (!line.starts_with("//") && !line.starts_with("/*") && !line.starts_with("*") && !line.starts_with("#") && !line.starts_with("@"))
        head = line;
    }
    out.push_back({from, i + 1, block_ends ? std::string(head.substr(0, std::min(head.find('{'), size_t{80}))) : "", block_ends});
    while (!out.back().name.empty() && out.back().name.back() == ' ') out.back().name.pop_back();
    from = i + 1;
    opened = false;
  }
  if (from < lines.size()) out.push_back({from, lines.size(), "", false});
  return out;
}

/// Paragraphs, under the headings they stand below.
std::vector<Piece> prose_pieces(const std::vector<Line>& lines) {
  std::vector<Piece> out;
  std::array<std::string, 7> headings;
  const auto path = [&headings] {
    std::string all;
    for (const std::string& heading : headings) {
      if (!heading.empty()) all += (all.empty() ? "" : " > ") + heading;
    }
    return all;
  };
  size_t from = 0;
  std::string name;
  bool fenced = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view text = trimmed(lines[i].text);
    if (text.starts_with("```")) fenced = !fenced;
    const size_t level = fenced ? 0 : std::min(text.find_first_not_of('#'), text.size());
    const bool heading = level >= 1 && level <= 6 && level < text.size() && text[level] == ' ';
    if (heading) {
      if (i > from) out.push_back({from, i, name, false});
      from = i;
      for (size_t below = level; below < headings.size(); ++below) headings[below].clear();
      headings[level] = std::string(trimmed(text.substr(level)).substr(0, 80));
      name = path();
    } else if (text.empty() && !fenced) {
      out.push_back({from, i + 1, name, false});
      from = i + 1;
    }
  }
  if (from < lines.size()) out.push_back({from, lines.size(), name, false});
  return out;
}

bool ends_with_any(std::string_view path, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [path](std::string_view ending) { return path.ends_with(ending); });
}

}  // namespace

std::vector<Chunk> chunk_text(std::string_view path, std::string_view text, size_t target_chars) {
  const std::vector<Line> lines = lines_of(text);
  std::vector<Piece> pieces;
  if (ends_with_any(path, {".py", ".pyi"})) {
    python_pieces(lines, 0, lines.size(), 0, "", target_chars, pieces);
  } else if (ends_with_any(path, {".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java",
                                  ".cs", ".kt", ".swift", ".css", ".proto"})) {
    pieces = brace_pieces(lines);
  } else {
    pieces = prose_pieces(lines);
  }

  std::vector<Chunk> chunks;
  bool open = false;  // the last chunk may take more
  for (const Piece& piece : pieces) {
    for (size_t i = piece.first; i < piece.last; ++i) {
      const bool first = i == piece.first;
      const bool joins = open && (!first || (!piece.definition && chunks.back().name == piece.name)) &&
                         chunks.back().text.size() + lines[i].text.size() <= target_chars;
      if (!joins) chunks.push_back({std::string(path), lines[i].number, piece.name, ""});
      chunks.back().text += lines[i].text;
      open = true;
    }
    if (piece.definition) open = false;
  }
  return chunks;
}

}  // namespace aicoder
