#include "agent/project_facts.h"

#include <algorithm>

#include "agent/python_outline.h"
#include "agent/source_facts.h"

namespace aicoder::agent {
namespace {

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1); }
std::string join(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

bool is_header(const std::string& name) {
  return name.ends_with(".h") || name.ends_with(".hpp") || name.ends_with(".hh") || name.ends_with(".hxx");
}

bool in_test_folder(const std::string& path) {
  std::string folder = "/" + folder_of(path) + "/";
  return folder.find("/tests/") != std::string::npos || folder.find("/test/") != std::string::npos ||
         folder.find("/__tests__/") != std::string::npos;
}

}  // namespace

std::string folder_of(const std::string& path) { return path.rfind('/') == std::string::npos ? "" : path.substr(0, path.rfind('/')); }

std::string language_of(const std::string& path) {
  static const std::map<std::string, std::string> kLanguages = {{".py", "python"},
                                                                {".c", "c"},
                                                                {".h", "c"},
                                                                {".cpp", "c++"},
                                                                {".cc", "c++"},
                                                                {".hpp", "c++"},
                                                                {".cxx", "c++"},
                                                                {".hh", "c++"},
                                                                {".js", "javascript"},
                                                                {".mjs", "javascript"},
                                                                {".cjs", "javascript"},
                                                                {".jsx", "javascript"},
                                                                {".ts", "typescript"},
                                                                {".tsx", "typescript"},
                                                                {".go", "go"},
                                                                {".rs", "rust"},
                                                                {".java", "java"},
                                                                {".rb", "ruby"},
                                                                {".sh", "shell"},
                                                                {".html", "html"},
                                                                {".css", "css"},
                                                                {".sql", "sql"}};
  size_t dot = path.rfind('.');
  if (dot == std::string::npos) return {};
  auto it = kLanguages.find(path.substr(dot));
  return it == kLanguages.end() ? std::string() : it->second;
}

bool is_test_path(const std::string& path) {
  const std::string name = file_name(path), language = language_of(path), stem = name.substr(0, name.rfind('.'));
  if (language == "python") return stem.starts_with("test_") || stem.ends_with("_test") || stem == "tests" || stem == "test";
  if (language == "go") return stem.ends_with("_test");
  if (language == "rust") return ("/" + folder_of(path) + "/").ends_with("/tests/");
  if (language == "javascript" || language == "typescript") {
    const bool named =
        stem.ends_with(".test") || stem.ends_with(".spec") || stem.ends_with("_test") || stem == "test" || stem.starts_with("test-");
    return named || ("/" + folder_of(path) + "/").find("/__tests__/") != std::string::npos;
  }
  if (language == "c" || language == "c++") {
    return !is_header(name) &&
           (stem.ends_with("_test") || stem.ends_with("_tests") || stem.starts_with("test_") || stem == "test" || stem == "tests");
  }
  return false;
}

bool is_protected_path(const std::string& path) {
  static const std::set<std::string> kNames = {"conftest.py",
                                               "pytest.ini",
                                               ".pytest.ini",
                                               "tox.ini",
                                               "setup.cfg",
                                               "pyproject.toml",
                                               "sitecustomize.py",
                                               "usercustomize.py",
                                               "noxfile.py",
                                               "setup.py",
                                               "unittest.cfg",
                                               "Makefile",
                                               "makefile",
                                               "GNUmakefile",
                                               "CMakeLists.txt",
                                               "CMakePresets.json",
                                               "CTestTestfile.cmake",
                                               "package.json",
                                               "package-lock.json",
                                               "tsconfig.json",
                                               ".npmrc",
                                               "go.mod",
                                               "go.sum",
                                               "go.work",
                                               "Cargo.toml",
                                               "Cargo.lock",
                                               "build.rs"};
  std::string name = file_name(path);
  return in_test_folder(path) || is_test_path(path) || kNames.contains(name) || name.ends_with(".pth") || name.ends_with(".cmake") ||
         path.starts_with(".cargo/");
}

const FileFacts* ProjectFacts::find(const std::string& path) const {
  auto it = files.find(path);
  return it == files.end() ? nullptr : &it->second;
}

std::optional<std::string> ProjectFacts::file_of_module(const std::string& module, const std::string& importer) const {
  size_t dots = module.find_first_not_of('.');
  std::string name = dots == std::string::npos ? "" : module.substr(dots);
  std::string as_path = name;
  std::replace(as_path.begin(), as_path.end(), '.', '/');
  std::vector<std::string> bases;
  if (dots != 0) {  // relative: one dot is the importer's own folder
    std::string base = folder_of(importer);
    for (size_t i = 1; i < (dots == std::string::npos ? module.size() : dots); ++i) base = folder_of(base);
    bases.push_back(base);
  } else {
    for (const std::string& root : roots) bases.push_back(root == "." ? "" : root);
    bases.push_back(folder_of(importer));  // tests run with their own folder on the path
  }
  for (const std::string& base : bases) {
    std::string path = join(base, as_path);
    if (!as_path.empty() && files.contains(path + ".py")) return path + ".py";
    std::string package = as_path.empty() ? join(base, "__init__.py") : path + "/__init__.py";
    if (files.contains(package)) return package;
  }
  return std::nullopt;
}

ProjectFacts read_facts(const std::map<std::string, SnapshotFile>& files) {
  ProjectFacts facts;
  facts.roots.emplace_back(".");
  bool src = std::any_of(files.begin(), files.end(), [](const auto& f) { return f.first.starts_with("src/") && f.first.ends_with(".py"); });
  if (src) facts.roots.emplace_back("src");
  for (const auto& [path, file] : files) {
    FileFacts entry;
    entry.path = path;
    entry.language = language_of(path);
    entry.is_protected = is_protected_path(path);
    if (file.editable) {
      entry.lines = static_cast<size_t>(std::count(file.content.begin(), file.content.end(), '\n')) +
                    (!file.content.empty() && file.content.back() != '\n' ? 1 : 0);
      if (entry.language == "python") {
        entry.symbols = defined_names(file.content);
        entry.imports = imported_modules(file.content);
      } else if (is_c_like(entry.language)) {
        entry.symbols = defined_symbols(file.content, entry.language);
        entry.imported_files = taken_in_files(path, file.content, entry.language, files);
      }
    }
    // Rust keeps the tests of a module in its source: they count, and the source may be edited (static_rules_c_like.cpp watches them).
    const bool tests_inside = entry.language == "rust" && file.content.find("#[test]") != std::string::npos;
    entry.is_test = (is_test_path(path) || tests_inside) && file.editable;
    if (entry.is_test) facts.test_files.push_back(path);
    if (!entry.language.empty()) facts.lines_by_language[entry.language] += entry.lines;
    facts.files.emplace(path, std::move(entry));
  }
  for (auto& [path, entry] : facts.files) {
    for (const std::string& module : entry.imports) {
      auto file = facts.file_of_module(module, path);
      if (file && *file != path) entry.imported_files.insert(*file);
    }
  }
  return facts;
}

}  // namespace aicoder::agent
