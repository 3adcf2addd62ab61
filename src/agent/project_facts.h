// What a project is made of, read from its snapshot without running anything: languages, symbols, imports, tests.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/workspace.h"

namespace aicoder::agent {

struct FileFacts {
  std::string path, language;
  size_t lines = 0;
  std::set<std::string> symbols;         ///< "login", "UserStore", "UserStore.add"
  std::vector<std::string> imports;      ///< modules, as written
  std::set<std::string> imported_files;  ///< those that are files of this project
  bool is_test = false;                  ///< holds tests that can be run
  bool is_protected = false;             ///< a test, its data or the configuration of tests: edits by the model are dropped
};
struct ProjectFacts {
  std::map<std::string, FileFacts> files;
  std::map<std::string, size_t> lines_by_language;
  std::vector<std::string> test_files;
  std::vector<std::string> roots;  ///< folders to put on sys.path: ".", "src"
  const FileFacts* find(const std::string& path) const;
  /// The file of a dotted module as `importer` would import it; nullopt when no file of the project is meant.
  std::optional<std::string> file_of_module(const std::string& module, const std::string& importer) const;
};
ProjectFacts read_facts(const std::map<std::string, SnapshotFile>& files);

/// Tests, their data and configuration (tests/, conftest.py, pytest.ini, ...): what decides about success.
bool is_protected_path(const std::string& path);
bool is_test_path(const std::string& path);
/// Without the file's name and its slash; empty for the top.
std::string folder_of(const std::string& path);
/// "python", "c++", ...; empty for what is no source.
std::string language_of(const std::string& path);

}  // namespace aicoder::agent
