#include "agent/source_facts.h"

#include <algorithm>
#include <filesystem>
#include <regex>

#include "agent/ascii.h"
#include "agent/project_facts.h"

namespace aicoder::agent {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, SnapshotFile>;

/// Longer lines are data or generated, and std::regex recurses once for each character.
constexpr size_t kMaxLine = 400;

template <typename Take>
void for_each_line(std::string_view text, Take take) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end - at <= kMaxLine) take(std::string(text.substr(at, end - at)));
    at = end + 1;
  }
}

/// The path that `name` means from `folder`; empty where it leaves the project.
std::string joined(const std::string& folder, const std::string& name) {
  const std::string path = (fs::path(folder) / name).lexically_normal().generic_string();
  return path.starts_with("..") || path.starts_with('/') ? std::string() : path;
}

void take_if_there(const Files& files, const std::string& path, std::set<std::string>& out) {
  if (!path.empty() && files.contains(path)) out.insert(path);
}

void take_includes(const std::string& path, std::string_view source, const Files& files, std::set<std::string>& out) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*["<]([^">]+)[">])re");
  for_each_line(source, [&](const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, kInclude)) return;
    const std::string name = match[1];
    for (const std::string& folder : {folder_of(path), std::string("include"), std::string("src"), std::string()}) {
      const std::string header = joined(folder, name);
      if (header.empty() || !files.contains(header)) continue;
      out.insert(header);
      // What a header declares is written in the source of the same name, wherever that is.
      const std::string stem = fs::path(header).stem().string();
      for (const auto& [other, file] : files) {
        const fs::path place(other);
        static const std::set<std::string> kSources = {".c", ".cc", ".cpp", ".cxx"};
        if (place.stem() == stem && kSources.contains(place.extension().string())) out.insert(other);
      }
      return;
    }
  });
}

void take_modules(const std::string& path, std::string_view source, const Files& files, std::set<std::string>& out) {
  static const std::regex kImport(R"re((?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)["'](\.{1,2}/[^"']+)["'])re");
  for_each_line(source, [&](const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, kImport)) return;
    const std::string name = joined(folder_of(path), match[1]);
    if (name.empty()) return;
    take_if_there(files, name, out);
    const size_t dot = name.rfind(".js");
    const std::string stem =
        dot != std::string::npos && dot + 3 == name.size() ? name.substr(0, dot) : name;  // TypeScript says .js and means .ts
    for (const char* ending : {".ts", ".tsx", ".js", ".mjs", "/index.ts", "/index.js"}) take_if_there(files, stem + ending, out);
  });
}

void take_go_files(const std::string& path, std::string_view source, const Files& files, std::set<std::string>& out) {
  std::set<std::string> folders = {folder_of(path)};
  static const std::regex kImport(R"re(^\s*(?:import\s+)?(?:\w+\s+)?"([^"]+)"\s*$)re");
  for_each_line(source, [&](const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, kImport)) return;
    const std::string module = match[1];
    for (const auto& [other, file] : files) {
      const std::string folder = folder_of(other);
      if (!folder.empty() && module.ends_with("/" + folder)) folders.insert(folder);
    }
  });
  for (const auto& [other, file] : files) {
    if (other.ends_with(".go") && !other.ends_with("_test.go") && folders.contains(folder_of(other))) out.insert(other);
  }
}

void take_rust_modules(const std::string& path, std::string_view source, const Files& files, std::set<std::string>& out) {
  static const std::regex kModule(R"(^\s*(?:pub(?:\([^)]*\))?\s+)?(?:mod\s+(\w+)\s*;|use\s+(\w+)(?:::(\w+))?))");
  for_each_line(source, [&](const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, kModule)) return;
    std::vector<std::string> names = {match[1], match[3]};
    if (match[2].matched) {
      if (match[2] == "std" || match[2] == "core") return;
      take_if_there(files, "src/lib.rs", out);  // the crate by its own name, or crate::
    }
    for (const std::string& name : names) {
      if (name.empty()) continue;
      for (const std::string& folder : {folder_of(path), std::string("src")}) {
        take_if_there(files, joined(folder, name + ".rs"), out);
        take_if_there(files, joined(folder, name + "/mod.rs"), out);
      }
    }
  });
}

}  // namespace

bool is_c_like(std::string_view language) {
  static const std::set<std::string_view> kLanguages = {"c", "c++", "javascript", "typescript", "go", "rust"};
  return kLanguages.contains(language);
}

std::string without_comments(std::string_view source, std::string_view language, bool blank_strings) {
  std::string text(source);
  const bool script = language == "javascript" || language == "typescript";
  const auto blank = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end && i < text.size(); ++i) {
      if (text[i] != '\n') text[i] = ' ';
    }
  };
  for (size_t at = 0; at < source.size();) {
    const char c = source[at];
    if (source.substr(at, 2) == "//") {
      const size_t end = std::min(source.find('\n', at), source.size());
      blank(at, end);
      at = end;
    } else if (source.substr(at, 2) == "/*") {
      const size_t close = source.find("*/", at + 2);
      const size_t end = close == std::string_view::npos ? source.size() : close + 2;
      blank(at, end);
      at = end;
    } else if (c == '"' || (c == '\'' && script) || (c == '`' && (script || language == "go"))) {
      size_t end = at + 1;
      const bool raw = c == '`' && language == "go";
      while (end < source.size() && source[end] != c && (c == '`' || source[end] != '\n')) end += source[end] == '\\' && !raw ? 2 : 1;
      end = std::min(end, source.size());
      if (blank_strings) blank(at + 1, end);
      at = end + 1;
    } else if (c == '\'' && at + 2 < source.size() && source[at + 2] == '\'') {
      at += 3;  // a character, not a lifetime of Rust
    } else {
      ++at;
    }
  }
  return text;
}

std::set<std::string> defined_symbols(std::string_view source, std::string_view language) {
  static const std::map<std::string, std::vector<std::regex>, std::less<>> kPatterns = [] {
    const std::regex type(R"(\b(?:class|struct|enum|union|interface|trait|type)\s+(?:class\s+)?([A-Za-z_]\w*))");
    const std::regex call_with_body(R"(^[\w\s:<>,&*~\[\]]*?(?:[\w:]+::)?\b(~?[A-Za-z_]\w*)\s*\([^;{}]*\)[^;{}=]*(?:\{|;|$))");
    const std::regex js_function(R"(\bfunction\s*\*?\s*([A-Za-z_$][\w$]*))");
    const std::regex js_bound(
        R"(\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*(?::[^=]*)?=\s*(?:async\s*)?(?:function|\([^)]*\)\s*(?::[^=]*)?=>|\w+\s*=>))");
    const std::regex js_method(
        R"(^\s*(?:(?:public|private|protected|static|async|readonly|get|set)\s+)*([A-Za-z_$][\w$]*)\s*\([^)]*\)\s*(?::[^{;]*)?\{)");
    const std::regex go_function(R"(^func\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*))");
    const std::regex rust_function(R"(\bfn\s+([A-Za-z_]\w*))");
    std::map<std::string, std::vector<std::regex>, std::less<>> patterns;
    patterns["c"] = patterns["c++"] = {type, call_with_body};
    patterns["javascript"] = patterns["typescript"] = {type, js_function, js_bound, js_method};
    patterns["go"] = {type, go_function};
    patterns["rust"] = {type, rust_function};
    return patterns;
  }();
  static const std::set<std::string> kWords = {"if",    "for",    "while", "switch",   "return",  "catch", "sizeof",
                                               "else",  "do",     "new",   "delete",   "throw",   "case",  "static",
                                               "const", "assert", "main",  "decltype", "operator"};
  std::set<std::string> symbols;
  const auto patterns = kPatterns.find(language);
  if (patterns == kPatterns.end()) return symbols;
  for_each_line(without_comments(source, language, true), [&](const std::string& line) {
    for (const std::regex& pattern : patterns->second) {
      std::smatch match;
      if (std::regex_search(line, match, pattern) && !kWords.contains(match[1])) symbols.insert(match[1]);
    }
  });
  return symbols;
}

std::set<std::string> taken_in_files(const std::string& path, std::string_view source, std::string_view language, const Files& files) {
  std::set<std::string> out;
  const std::string text = without_comments(source, language, false);
  if (language == "c" || language == "c++") take_includes(path, text, files, out);
  if (language == "javascript" || language == "typescript") take_modules(path, text, files, out);
  if (language == "go") take_go_files(path, text, files, out);
  if (language == "rust") take_rust_modules(path, text, files, out);
  out.erase(path);
  return out;
}

bool leaves_something_out(std::string_view source) {
  bool found = false;
  for_each_line(source, [&](const std::string& raw) {
    const std::string line = lower_ascii(raw);
    const size_t comment = std::min(line.find("//"), line.find("/*"));
    if (comment == std::string::npos || line.find_first_not_of(" \t") != comment) return;
    const std::string said = line.substr(comment + 2);
    const bool dots = said.find("...") != std::string::npos || said.find("…") != std::string::npos;
    static constexpr std::string_view kRest[] = {"rest of",        "existing code", "remaining",      "unchanged",
                                                 "same as before", "other methods", "other functions"};
    const bool rest =
        std::any_of(std::begin(kRest), std::end(kRest), [&](std::string_view words) { return said.find(words) != std::string::npos; });
    found = found || (dots && (rest || said.find_first_not_of(" .*/\xe2\x80\xa6") == std::string::npos));
  });
  return found;
}

}  // namespace aicoder::agent
