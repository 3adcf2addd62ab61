#pragma once

#include "aicoder/eval.h"
#include "eval/task.h"

namespace aicoder::eval {

/// Answers and grades `tasks` by `options` (of which suite is a label here; data, limit and the id range are not read).
/// \throws as run_suite.
EvalReport run_tasks(TextGenerator& generator, CodeRunner& runner, const std::vector<EvalTask>& tasks, const EvalOptions& options);

}  // namespace aicoder::eval
