// Grades an answer by what its task asks for: tests in the sandbox, a number, findings of a static analyzer.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "eval/bandit.h"
#include "eval/python_box.h"
#include "eval/task.h"

namespace aicoder::eval {

/// Part of a run's settings: changes whenever a grade could change.
const char* grading_version(TaskKind kind);

struct Grade {
  bool passed = false;
  std::string verdict;  ///< see EvalItem
  std::string detail;
  std::string solution;                  ///< what was graded: the cleaned answer; of words the number
  std::map<std::string, size_t> counts;  ///< see EvalItem
};

/// Thread-safe when the runner is.
class Grader {
 public:
  /// \param bandit for programs without tests
  Grader(CodeRunner& runner, const SandboxLimits& limits, std::optional<Bandit> bandit = std::nullopt)
      : box_(runner, limits), bandit_(std::move(bandit)) {}
  /// \throws Error(kCancelled) on stop, kUnavailable when the sandbox fails twice or bandit does.
  Grade grade(const EvalTask& task, const std::string& answer, const std::stop_token& stop) const;

 private:
  Grade grade_by_tests(const EvalTask& task, const std::string& answer, const std::stop_token& stop) const;
  Grade grade_by_security_tests(const EvalTask& task, const std::string& answer, const std::stop_token& stop) const;
  Grade grade_by_findings(const EvalTask& task, const std::string& answer, const std::stop_token& stop) const;
  std::string sanitize(const std::string& answer, const std::string& entry_point, const std::stop_token& stop) const;

  PythonBox box_;
  std::optional<Bandit> bandit_;
};

}  // namespace aicoder::eval
