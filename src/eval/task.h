// One task of a suite: what the model may see, and the tests that grade it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace aicoder::eval {

struct EvalTask {
  std::string id;           ///< "HumanEval/0", "Mbpp/602"
  int64_t number = 0;       ///< the numeric part
  std::string prompt;       ///< all that the model and the agent may see
  std::string entry_point;  ///< the function the tests call

  // Grading only, from here on.
  std::vector<std::string> setup;  ///< Python run before the tests: helpers and imports that the tests use
  std::vector<std::string> tests;
  bool calls_check = false;       ///< tests define check(candidate), called last (HumanEval)
  bool shares_namespace = false;  ///< tests run in the solution's own namespace (MBPP); else in one that holds only setup and the function

  std::string hash() const;  ///< SHA-256 of all fields, first 16 hex digits
};

/// \throws Error kNotFound; kInvalidArgument naming file and line for a bad row, a repeated id, or a file without rows.
std::vector<EvalTask> load_humaneval(const std::filesystem::path& path);
std::vector<EvalTask> load_mbpp(const std::filesystem::path& path);

/// The tasks of a suite by name from `data`, or from data_dir()/data where it is empty.
/// \throws as above, and kInvalidArgument for an unknown suite.
std::vector<EvalTask> load_suite(const std::string& suite, const std::filesystem::path& data);

}  // namespace aicoder::eval
