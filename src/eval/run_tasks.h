#pragma once

#include <optional>

#include "aicoder/eval.h"
#include "eval/bandit.h"
#include "eval/task.h"

namespace aicoder::eval {

/// Answers and grades `tasks`, all of one kind, by `options` (of which suite is a label here; data, limit, the id range and the shots
/// are not read). \param left_out goes into the report. \throws as run_suite.
EvalReport run_tasks(TextGenerator& generator, CodeRunner& runner, const std::vector<EvalTask>& tasks, const EvalOptions& options,
                     std::vector<std::string> left_out = {});
/// The analyzer that grades some of `tasks`; nullopt where tests grade them all. \throws as Bandit.
std::optional<Bandit> find_bandit(const std::vector<EvalTask>& tasks, const EvalOptions& options);

}  // namespace aicoder::eval
