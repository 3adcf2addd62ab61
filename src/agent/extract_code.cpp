#include <algorithm>
#include <cctype>

#include "agent/code_blocks.h"
#include "agent/python_expression.h"
#include "agent/python_lexer.h"
#include "aicoder/agent.h"

namespace aicoder {
namespace agent {
namespace {

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

bool is_source_path(std::string_view path) {
  size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  static constexpr std::string_view kEndings[] = {".py", ".txt",  ".md", ".toml", ".cfg", ".json", ".html", ".css",
                                                  ".js", ".ts",   ".c",  ".h",    ".cpp", ".hpp",  ".cc",   ".go",
                                                  ".rs", ".java", ".sh", ".sql",  ".yml", ".yaml", ".ini"};
  return std::find(std::begin(kEndings), std::end(kEndings), path.substr(dot)) != std::end(kEndings);
}

/// The file a line names: "### app/users.py", "**users.py**:", "File: `users.py`", "# users.py", "users.py".
std::string path_in_line(std::string_view line) {
  line = trim(line);
  while (!line.empty() && std::string_view("#*/-`<! ").find(line.front()) != std::string_view::npos) line.remove_prefix(1);
  for (std::string_view word : {"File:", "file:", "File", "file", "Path:", "path:", "Filename:", "filename:", "Updated", "Here is", "In"}) {
    if (line.starts_with(word) && line.size() > word.size() && !is_identifier_char(line[word.size()]))
      line = trim(line.substr(word.size()));
  }
  while (!line.empty() && std::string_view("*`'\" ").find(line.front()) != std::string_view::npos) line.remove_prefix(1);
  size_t end = 0;
  while (end < line.size() && std::string_view(" `*'\":,()<>").find(line[end]) == std::string_view::npos) ++end;
  std::string_view path = line.substr(0, end);
  std::string_view rest = trim(line.substr(end));
  while (!rest.empty() && std::string_view("*`'\":->! ()").find(rest.front()) != std::string_view::npos) rest.remove_prefix(1);
  // A sentence about a file is not a heading of one.
  if (rest.size() > 24 || !is_source_path(path)) return {};
  return clean_relative_path(path);
}

struct Fence {
  size_t indent = 0;
  char mark = 0;
  size_t length = 0;
  std::string info;
};
std::optional<Fence> fence_of(std::string_view line) {
  Fence fence;
  while (fence.indent < line.size() && (line[fence.indent] == ' ' || line[fence.indent] == '\t')) ++fence.indent;
  line.remove_prefix(fence.indent);
  if (line.size() < 3 || (line[0] != '`' && line[0] != '~')) return std::nullopt;
  fence.mark = line[0];
  while (fence.length < line.size() && line[fence.length] == fence.mark) ++fence.length;
  if (fence.length < 3) return std::nullopt;
  fence.info = std::string(trim(line.substr(fence.length)));
  // ```x = 1``` on one line is inline code, not a fence.
  if (fence.mark == '`' && fence.info.find('`') != std::string::npos) return std::nullopt;
  return fence;
}

std::string without_indent(const std::vector<std::string_view>& lines, size_t first, size_t last, size_t indent) {
  std::string out;
  for (size_t i = first; i < last; ++i) {
    std::string_view line = lines[i];
    size_t cut = 0;
    while (cut < indent && cut < line.size() && (line[cut] == ' ' || line[cut] == '\t')) ++cut;
    line.remove_prefix(cut);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out += std::string(line) + "\n";
  }
  return out;
}

}  // namespace

std::string clean_relative_path(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  if (path.empty() || path.size() > 200 || path.front() == '/' || path.back() == '/') return {};
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    // A hidden name could be .git/hooks or a shell's start file.
    if (part.empty() || part.front() == '.') return {};
    at = end + 1;
  }
  bool odd =
      std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\\' || c == ':' || c == '~'; });
  return odd ? std::string() : std::string(path);
}

std::vector<CodeBlock> find_code_blocks(std::string_view answer) {
  std::vector<std::string_view> lines = split_lines(answer);
  std::vector<CodeBlock> blocks;
  for (size_t i = 0; i < lines.size(); ++i) {
    auto fence = fence_of(lines[i]);
    if (!fence) continue;
    CodeBlock block;
    std::string_view info = fence->info;
    size_t word_end = std::min(info.find_first_of(" :{\t"), info.size());
    std::string word(info.substr(0, word_end));
    if (is_source_path(word)) {
      block.path = clean_relative_path(word);
    } else {
      block.language = lower(word);
      std::string_view rest = trim(info.substr(std::min(word_end + 1, info.size())));
      for (std::string_view key : {"title=", "file=", "filename=", "path="}) {
        if (rest.starts_with(key)) rest = trim(rest.substr(key.size()));
      }
      block.path = path_in_line(rest);
    }
    size_t end = i + 1;
    while (end < lines.size()) {
      auto close = fence_of(lines[end]);
      if (close && close->mark == fence->mark && close->length >= fence->length && close->info.empty()) break;
      // A second opening fence: the first was never closed.
      if (close && close->mark == fence->mark && !close->info.empty() && close->indent <= fence->indent) break;
      ++end;
    }
    block.closed = end < lines.size() && fence_of(lines[end])->info.empty();
    block.text = without_indent(lines, i + 1, end, fence->indent);
    // The name in the lines just above, then in a comment on the first line of the code.
    for (size_t up = 1; block.path.empty() && up <= 2 && up <= i; ++up) {
      if (trim(lines[i - up]).empty()) continue;
      block.path = path_in_line(lines[i - up]);
      break;
    }
    std::string_view first = std::string_view(block.text).substr(0, block.text.find('\n'));
    bool comment = trim(first).starts_with("#") || trim(first).starts_with("//");
    if (block.path.empty() && comment) block.path = path_in_line(first);
    if (!trim(block.text).empty()) blocks.push_back(std::move(block));
    i = end < lines.size() && fence_of(lines[end])->info.empty() ? end : end - 1;
  }
  return blocks;
}

bool looks_like_python(std::string_view text) {
  if (trim(text).empty()) return false;
  PythonLexer lexer(text);
  bool code = false;
  std::vector<PythonToken> line;
  for (size_t guard = 0; guard < 200'000; ++guard) {
    PythonToken token = lexer.next();
    if (token.kind == TokenKind::kError) return false;
    bool line_end = token.kind == TokenKind::kNewline || token.kind == TokenKind::kEnd;
    if (!line_end) {
      if (token.kind != TokenKind::kComment) line.push_back(token);
      continue;
    }
    if (lexer.depth() > 0) return false;
    if (!line.empty()) {
      static constexpr std::string_view kStarts[] = {
          "def",     "class", "import", "from",   "if",    "for",   "while",    "return", "with", "try",   "except",   "else", "elif",
          "finally", "raise", "pass",   "assert", "async", "break", "continue", "global", "del",  "yield", "nonlocal", "@"};
      bool keyword = std::any_of(std::begin(kStarts), std::end(kStarts), [&](std::string_view word) { return line[0].is(word); });
      if (keyword) {
        code = code || line[0].is("def") || line[0].is("class") || line[0].is("import") || line[0].is("from") || line[0].is("@");
      } else {
        // An expression or an assignment; two names side by side are prose.
        for (size_t i = 0; i + 1 < line.size(); ++i) {
          bool names = line[i].kind == TokenKind::kName && line[i + 1].kind == TokenKind::kName && !is_python_keyword(line[i].text) &&
                       !is_python_keyword(line[i + 1].text);
          if (names) return false;
        }
        bool assigns = std::any_of(line.begin(), line.end(), [](const PythonToken& t) { return t.is("=") || t.is("("); });
        code = code || assigns;
      }
      line.clear();
    }
    if (token.kind == TokenKind::kEnd) break;
  }
  return code;
}

std::map<std::string, std::string> extract_files(std::string_view answer, const std::vector<std::string>& asked) {
  std::map<std::string, std::string> files;
  std::vector<CodeBlock> blocks = find_code_blocks(answer);
  auto asked_for = [&](const std::string& path) -> std::string {
    for (const std::string& a : asked) {
      // "users.py" for "app/users.py": the model left out the folder.
      if (a == path || a.ends_with("/" + path)) return a;
    }
    return {};
  };
  std::string unnamed;
  for (CodeBlock& block : blocks) {
    if (block.path.empty()) {
      bool shell = block.language == "bash" || block.language == "sh" || block.language == "shell" || block.language == "text" ||
                   block.language == "console";
      if (!shell && block.text.size() > unnamed.size()) unnamed = block.text;  // the longest is the file, the others show its use
      continue;
    }
    std::string path = asked_for(block.path);
    if (path.empty()) path = block.path;
    std::string& slot = files[path];
    if (block.text.size() > slot.size()) slot = std::move(block.text);
  }
  if (blocks.empty()) {
    std::string text(answer);
    if (looks_like_python(text)) unnamed = text.ends_with('\n') ? text : text + "\n";
  }
  if (asked.size() == 1 && !files.contains(asked.front()) && !unnamed.empty()) files[asked.front()] = unnamed;
  return files;
}

std::string complete_imports(std::string_view task, std::string_view code) {
  std::string added;
  std::set<std::string> present;
  for (std::string_view line : split_lines(code)) present.insert(std::string(trim(line)));
  for (std::string_view line : split_lines(task)) {
    if (!line.starts_with("from ") && !line.starts_with("import ")) continue;
    std::string_view statement = trim(line);
    PythonLexer lexer(statement);
    std::vector<PythonToken> tokens;
    bool good = true;
    for (PythonToken token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
      good = good && (token.kind == TokenKind::kName || token.is(",") || token.is(".") || token.is("*"));
      tokens.push_back(token);
    }
    size_t import_at = 0;
    while (import_at < tokens.size() && !tokens[import_at].is("import")) ++import_at;
    if (!good || import_at + 1 >= tokens.size()) continue;
    // Prose begins with "from" and "import" too: names must be separated by commas or `as`.
    for (size_t i = import_at + 1; i + 1 < tokens.size(); ++i) {
      bool two_names = tokens[i].kind == TokenKind::kName && tokens[i + 1].kind == TokenKind::kName;
      if (two_names && !tokens[i].is("as") && !tokens[i + 1].is("as")) good = false;
    }
    if (statement.starts_with("from") && (import_at < 2 || tokens[1].kind != TokenKind::kName)) good = false;
    if (!good || present.contains(std::string(statement))) continue;
    bool used = false;
    PythonLexer words(code);
    for (PythonToken token = words.next(); token.kind != TokenKind::kEnd && !used; token = words.next()) {
      if (token.kind == TokenKind::kError && token.end <= token.begin) break;
      if (token.kind != TokenKind::kName) continue;
      used = std::any_of(tokens.begin() + static_cast<std::ptrdiff_t>(import_at) + 1, tokens.end(),
                         [&](const PythonToken& name) { return name.text == token.text && !name.is("as"); });
    }
    if (used) added += std::string(statement) + "\n";
  }
  if (added.empty()) return std::string(code);
  // `from __future__` must stay first.
  return code.starts_with("from __future__") ? std::string(code) : added + "\n" + std::string(code);
}

}  // namespace agent

std::optional<std::string> extract_code(std::string_view answer, std::string_view language) {
  std::vector<agent::CodeBlock> blocks = agent::find_code_blocks(answer);
  auto is_asked = [&](const agent::CodeBlock& block) {
    std::string_view l = block.language;
    if (language.empty()) return true;
    return l == language || (language == "python" && (l == "py" || l == "python3"));
  };
  for (const agent::CodeBlock& block : blocks) {
    if (is_asked(block)) return block.text;
  }
  for (const agent::CodeBlock& block : blocks) {
    if (block.language.empty()) return block.text;
  }
  if (!blocks.empty()) return blocks.front().text;
  if (language == "python" && agent::looks_like_python(answer)) {
    std::string text(answer);
    return text.ends_with('\n') ? text : text + "\n";
  }
  return std::nullopt;
}

}  // namespace aicoder
