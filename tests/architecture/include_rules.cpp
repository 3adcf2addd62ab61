#include "architecture/include_rules.h"

#include <algorithm>
#include <array>
#include <functional>
#include <regex>

namespace aicoder::test {
namespace {

// Modules that may speak to llama.cpp and ggml.
constexpr std::array<std::string_view, 3> kEngineModules = {"model", "adapter", "train"};

// Names that mark a third-party type where they start an identifier in a public header.
constexpr std::array<std::string_view, 14> kForeignNames = {"llama_", "ggml_", "gguf_context", "nlohmann", "CLI::",   "fmt::",   "spdlog",
                                                            "toml::", "Eigen", "git_",         "CURL",     "sqlite3", "httplib", "EVP_"};

bool is_identifier_char(char c) { return (std::isalnum(static_cast<unsigned char>(c)) != 0) || c == '_'; }

bool is_engine_header(std::string_view header) {
  const std::string_view name = header.substr(header.rfind('/') + 1);
  return name == "llama.h" || name == "llama-cpp.h" || name == "gguf.h" || (name.starts_with("ggml") && name.ends_with(".h"));
}

// Headers of the C++ standard library have neither a folder nor an ending.
bool is_standard_header(std::string_view header) { return header.find_first_of("./") == std::string_view::npos; }

// Comments and string literals become spaces, so that a name in prose is not taken for code. Lines stay lines.
std::string code_only(std::string_view text) {
  std::string code(text);
  enum class In { kCode, kLineComment, kBlockComment, kString } in = In::kCode;
  for (size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    const char next = i + 1 < code.size() ? code[i + 1] : '\0';
    switch (in) {
      case In::kCode:
        if (c == '/' && (next == '/' || next == '*')) {
          in = next == '/' ? In::kLineComment : In::kBlockComment;
          code[i] = ' ';
          code[++i] = ' ';
        } else if (c == '"') {
          in = In::kString;
        }
        break;
      case In::kLineComment:
        if (c == '\n') {
          in = In::kCode;
        } else {
          code[i] = ' ';
        }
        break;
      case In::kBlockComment:
        if (c == '*' && next == '/') {
          in = In::kCode;
          code[i] = ' ';
          code[++i] = ' ';
        } else if (c != '\n') {
          code[i] = ' ';
        }
        break;
      case In::kString:
        if (c == '\\') {
          code[i] = ' ';
          if (i + 1 < code.size()) code[++i] = ' ';
        } else if (c == '"' || c == '\n') {
          in = In::kCode;
        } else {
          code[i] = ' ';
        }
        break;
    }
  }
  return code;
}

struct Include {
  std::string header;
  bool angled = false;
  size_t line = 0;
};

std::vector<Include> includes_of(std::string_view text) {
  static const std::regex pattern(R"(^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  size_t line = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    ++line;
    std::cmatch match;
    if (std::regex_search(text.data() + start, text.data() + end, match, pattern)) {
      found.push_back({match[2].str(), match[1].str() == "<", line});
    }
    start = end + 1;
  }
  return found;
}

// "aicoder/model.h" and "aicoder/model/x.h" are the public face of model; "" when the header is none.
std::string public_module(std::string_view header) {
  constexpr std::string_view folder = "aicoder/";
  if (!header.starts_with(folder)) return {};
  header.remove_prefix(folder.size());
  return std::string(header.substr(0, header.find_first_of("/.")));
}

}  // namespace

ModuleTable with_everything_reachable(const ModuleTable& direct) {
  ModuleTable reachable;
  for (const auto& [module, uses] : direct) {
    std::vector<std::string> open = {module};
    while (!open.empty()) {
      const std::string current = open.back();
      open.pop_back();
      if (!reachable[module].insert(current).second) continue;
      if (const auto known = direct.find(current); known != direct.end())
        open.insert(open.end(), known->second.begin(), known->second.end());
    }
  }
  return reachable;
}

std::vector<std::string> table_problems(const ModuleTable& direct) {
  std::vector<std::string> problems;
  const ModuleTable reachable = with_everything_reachable(direct);
  for (const auto& [module, uses] : direct) {
    for (const std::string& used : uses) {
      if (!direct.contains(used)) {
        problems.push_back(module + " uses " + used + ", which is no module");
      } else if (reachable.at(used).contains(module)) {
        problems.push_back(module + " and " + used + " use each other");
      }
    }
  }
  return problems;
}

std::string module_of(std::string_view path) {
  if (path.starts_with("include/")) return public_module(path.substr(std::string_view("include/").size()));
  if (path.starts_with("apps/")) return "apps";
  constexpr std::string_view sources = "src/";
  if (!path.starts_with(sources)) return {};
  path.remove_prefix(sources.size());
  const size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash));
}

std::vector<std::string> include_problems(std::string_view path, std::string_view text, const ModuleTable& reachable) {
  const std::string module = module_of(path);
  const auto allowed = reachable.find(module);
  if (allowed == reachable.end()) return {std::string(path) + ": '" + module + "' is no module of the table"};

  std::vector<std::string> problems;
  const bool is_public = path.starts_with("include/");
  for (const Include& include : includes_of(text)) {
    const auto complain = [&](const std::string& what) {
      problems.push_back(std::string(path) + ":" + std::to_string(include.line) + ": includes " + include.header + ": " + what);
    };
    if (is_engine_header(include.header) && public_module(include.header).empty()) {
      if (is_public) {
        complain("no type of llama.cpp in a public header");
      } else if (std::ranges::find(kEngineModules, module) == kEngineModules.end()) {
        complain("llama.cpp and ggml belong to model, adapter and train only");
      }
      continue;
    }
    if (include.angled) {
      if (is_public && !is_standard_header(include.header)) complain("a public header includes the standard library and aicoder only");
      continue;
    }
    if (const std::string used = public_module(include.header); !used.empty()) {
      if (!allowed->second.contains(used)) complain(module + " may not use " + used);
      continue;
    }
    // What is left is a private header, written as "<module>/x.h".
    const std::string owner = include.header.substr(0, include.header.find('/'));
    if (owner == include.header) {
      complain(R"(write a private header as "<module>/x.h")");
    } else if (is_public) {
      complain("a public header includes no private one");
    } else if (owner != module) {
      complain("a private header of " + owner);
    }
  }
  if (is_public) {
    const std::string code = code_only(text);
    for (const std::string_view name : kForeignNames) {
      for (size_t at = code.find(name); at != std::string::npos; at = code.find(name, at + 1)) {
        if (at > 0 && is_identifier_char(code[at - 1])) continue;
        if (code.compare(code.find_last_of('\n', at) + 1, 1, "#") == 0) continue;  // an include is complained of above
        const auto line = 1 + std::count(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n');
        problems.push_back(std::string(path) + ":" + std::to_string(line) + ": third-party name " + std::string(name) +
                           " in a public header");
        break;
      }
    }
  }
  return problems;
}

std::vector<std::string> uses_problems(std::string_view module, std::string_view cmake_text, const ModuleTable& reachable) {
  const auto allowed = reachable.find(std::string(module));
  if (allowed == reachable.end()) return {"src/" + std::string(module) + " is no module of the table"};
  static const std::regex list(R"(\bUSES\b([^)]*))");
  static const std::regex word(R"([A-Za-z_:]+)");
  std::vector<std::string> problems;
  const std::string text(cmake_text);
  std::smatch match;
  if (!std::regex_search(text, match, list)) return problems;
  const std::string names = match[1].str();
  for (std::sregex_iterator at(names.begin(), names.end(), word), end; at != end; ++at) {
    const std::string name = at->str();
    if (name == "LIBS" || name == "SOURCES") break;
    if (!allowed->second.contains(name))
      problems.push_back("src/" + std::string(module) + "/CMakeLists.txt: " + std::string(module) + " may not use " + name);
  }
  return problems;
}

}  // namespace aicoder::test
