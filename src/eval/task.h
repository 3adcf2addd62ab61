// One task of a suite: what the model may see, and the tests that grade it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "aicoder/model.h"

namespace aicoder::eval {

/// What is asked for; it chooses the wording and how the answer is graded.
enum class TaskKind {
  kFunction,      ///< a function; Python tests grade (HumanEval, MBPP)
  kRepair,        ///< a repaired program; Python tests grade (QuixBugs)
  kNumber,        ///< a number; tests holds it (GSM8K)
  kProgram,       ///< a whole program; bandit grades (SecurityEval), or where there are tests, they do (CWEval)
  kAskedProgram,  ///< a whole program, asked for in words; bandit grades (CyberSecEval)
};

constexpr bool is_program(TaskKind kind) { return kind == TaskKind::kProgram || kind == TaskKind::kAskedProgram; }

struct EvalTask {
  std::string id;      ///< "HumanEval/0", "Mbpp/602"
  int64_t number = 0;  ///< the numeric part, else the row, from 0
  TaskKind kind = TaskKind::kFunction;
  std::string prompt;              ///< all that the model and the agent may see
  std::string visible;             ///< more of the same, shown after the prompt's fence: Python checks (QuixBugs)
  std::vector<ChatMessage> shots;  ///< worked examples before it, as turns
  std::string entry_point;         ///< the function the tests call; kProgram: the module the tests import

  // Grading only, from here on.
  std::vector<std::string> setup;  ///< Python run before the tests: helpers and imports that the tests use
  std::vector<std::string> tests;
  bool calls_check = false;       ///< tests define check(candidate), called last (HumanEval)
  bool shares_namespace = false;  ///< tests run in the solution's own namespace (MBPP); else in one that holds only setup and the function
  bool selects = false;           ///< the row says "use": "select": it may choose a fragment and judges none
  std::string left_out;           ///< why it cannot be graded here: "needs Crypto"; empty: it can

  std::string hash() const;  ///< SHA-256 of what is asked and what grades, first 16 hex digits
};

/// \throws Error kNotFound; kInvalidArgument naming file and line for a bad row, a repeated id, or a file without rows.
std::vector<EvalTask> load_humaneval(const std::filesystem::path& path);
std::vector<EvalTask> load_mbpp(const std::filesystem::path& path);
std::vector<EvalTask> load_gsm8k(const std::filesystem::path& path);
std::vector<EvalTask> load_quixbugs(const std::filesystem::path& path);
std::vector<EvalTask> load_security(const std::filesystem::path& path);

/// The first `n` rows of `path` as turns before each of `tasks`.
/// \throws as load_gsm8k, and kInvalidArgument for too few rows or one that is a task.
void add_gsm8k_shots(std::vector<EvalTask>& tasks, const std::filesystem::path& path, size_t n);

/// The tasks of a suite by name from `data`, or from data_dir()/data where it is empty.
/// \throws as above, and kInvalidArgument for an unknown suite.
std::vector<EvalTask> load_suite(const std::string& suite, const std::filesystem::path& data);

}  // namespace aicoder::eval
