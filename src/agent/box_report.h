// Runs tests, checks, imports and compilation in the sandbox through our own runner, and reads its structured report.
// A printed "OK" counts for nothing: only the runner's lines, which carry a nonce the tested code never sees.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "aicoder/agent.h"

namespace aicoder::agent {

struct Frame {
  std::string file;
  size_t line = 0;
  std::string function, code;
};
struct Outcome {
  std::string status;   ///< "passed", "failed", "error", "skipped", "crashed"
  std::string message;  ///< "AssertionError: 3 != 4"
  std::string type;     ///< "AssertionError"
  std::string missing;  ///< module that an ImportError names
  std::vector<Frame> frames;
  bool passed() const { return status == "passed"; }
};
struct BoxReport {
  SandboxResult box;
  std::map<std::string, Outcome> results;                      ///< by test id; a test that began and never ended is "crashed"
  std::map<std::string, Outcome> module_errors;                ///< by file: could not be imported
  std::set<std::string> collected;                             ///< ids found by importing
  std::map<std::string, std::vector<std::string>> static_ids;  ///< ids found by reading, by file
  std::vector<std::string> tampered;                           ///< pieces of the test framework that were replaced while it ran
  bool done = false;                                           ///< the runner reached its end
  std::string log;                                             ///< last 4,000 bytes the code printed
  std::string framework;                                       ///< "unittest", "pytest"

  size_t n_passed() const;
  /// Sandbox verdict, or "TESTS_FAILED" where the process ended well and a test did not.
  std::string verdict() const;
};

struct BoxJob {
  std::filesystem::path dir;                 ///< copy of the project; may be empty
  std::map<std::string, std::string> files;  ///< put over it
  SandboxLimits limits;
  std::vector<std::string> programs = {};             ///< what the run starts beside Python: shown in the box
  std::vector<std::filesystem::path> read_only = {};  ///< host folders shown in it: installed packages
};
/// `test_files` relative to the project; `roots` are put on sys.path.
BoxReport run_tests(CodeRunner& runner, const BoxJob& job, const std::vector<std::string>& test_files,
                    const std::vector<std::string>& roots, const std::stop_token& stop);
/// Ids are "0", "1", ... in the order of `checks`.
BoxReport run_checks(CodeRunner& runner, const BoxJob& job, std::string_view code, const std::vector<std::string>& checks,
                     const std::stop_token& stop);
BoxReport run_imports(CodeRunner& runner, const BoxJob& job, const std::vector<std::string>& files, const std::vector<std::string>& roots,
                      const std::stop_token& stop);
/// Parses, runs nothing. Ids are the keys of `sources`, "0#users.py".
BoxReport run_compile(CodeRunner& runner, const BoxJob& job, const std::map<std::string, std::string>& sources,
                      const std::stop_token& stop);

/// Reads the runner's lines. Exposed for tests of hostile output.
void parse_runner_output(std::string_view out, std::string_view nonce, BoxReport& report);

}  // namespace aicoder::agent
