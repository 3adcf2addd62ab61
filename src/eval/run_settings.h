#pragma once

#include "eval/run_journal.h"
#include "eval/task.h"

namespace aicoder::eval {

/// Everything that could change an item, but not the choice of items: a run with --limit 10 resumes into a full one. The tasks
/// themselves are identified item by item (EvalItem::task_hash).
/// \param kind of the tasks; \param bandit its version, empty where it does not grade
RunSettings run_settings(const EvalOptions& options, const std::string& model, TaskKind kind, const std::string& bandit);

}  // namespace aicoder::eval
