// Cleans an answer and runs the hidden tests on it, both in the sandbox.
#pragma once

#include <stop_token>
#include <string>

#include "aicoder/sandbox.h"
#include "eval/task.h"

namespace aicoder::eval {

/// Part of a run's settings: change it whenever a grade could change.
inline constexpr const char* kGradingVersion = "1";

struct Grade {
  bool passed = false;
  std::string verdict;  ///< see EvalItem
  std::string detail;
  std::string solution;  ///< the cleaned answer, which was graded
};

/// Thread-safe when the runner is.
class Grader {
 public:
  Grader(CodeRunner& runner, const SandboxLimits& limits) : runner_(runner), limits_(limits) {}
  /// \throws Error(kCancelled) on stop, kUnavailable when the sandbox itself fails twice.
  Grade grade(const EvalTask& task, const std::string& answer, const std::stop_token& stop) const;

 private:
  std::string sanitize(const std::string& answer, const std::string& entry_point, const std::stop_token& stop) const;
  SandboxResult run_python(const char* script, const std::string& input, const std::stop_token& stop) const;

  CodeRunner& runner_;
  SandboxLimits limits_;
};

}  // namespace aicoder::eval
