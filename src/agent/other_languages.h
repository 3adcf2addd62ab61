// Projects that are not Python: which tools build and test them, and how those run in the box.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/box_report.h"
#include "agent/project_facts.h"

namespace aicoder::agent {

struct ProjectTools {
  std::string name;                     ///< "cmake", "make", "node", "typescript", "go", "cargo": a key of project_runner.py
  std::string language;                 ///< as language_of
  std::vector<std::string> programs;    ///< to be shown in the box
  std::vector<std::string> test_files;  ///< the given tests of this language
  SandboxLimits limits;                 ///< what building and testing may take at least
};

/// One for each language the project has tests or build files of; Python is not among them.
std::vector<ProjectTools> tools_of(const ProjectFacts& facts);

/// The given tests of every language, Python's among them, in one report. `project` is the user's own folder: packages installed there
/// (node_modules) are shown in the box read-only.
BoxReport run_given_tests(CodeRunner& runner, const BoxJob& job, const ProjectFacts& facts, const std::filesystem::path& project,
                          const std::stop_token& stop);

/// Without tests: does each changed file import (Python) or compile? Ids are the paths; those that nothing here can check are left out.
BoxReport check_changed_files(CodeRunner& runner, const BoxJob& job, const ProjectFacts& facts, const std::filesystem::path& project,
                              const std::stop_token& stop);

}  // namespace aicoder::agent
