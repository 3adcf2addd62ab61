// HumanEval (Chen et al. 2021, arXiv 2107.03374). The row's prompt is a function head with a docstring, so it is itself a program:
// run before the tests it gives them the helpers they use (poly in HumanEval/32, encode_shift in 50), in a namespace of
// their own. The answer gets nothing of it and must be self-contained, as EvalPlus asks of chat models.
#include <charconv>
#include <set>

#include "eval/task.h"
#include "eval/task_rows.h"

namespace aicoder::eval {

std::vector<EvalTask> load_humaneval(const std::filesystem::path& path) {
  std::vector<EvalTask> tasks;
  std::set<std::string> seen;
  for_each_row(path, [&](const TaskRow& row) {
    EvalTask task;
    task.id = row.text("task_id");
    const size_t slash = task.id.rfind('/');
    const char* end = task.id.data() + task.id.size();
    const auto [stopped, error] =
        std::from_chars(task.id.data() + (slash == std::string::npos ? task.id.size() : slash + 1), end, task.number);
    if (error != std::errc{} || stopped != end) row.refuse("expected a task_id like \"HumanEval/12\", found \"" + task.id + "\"");
    if (!seen.insert(task.id).second) row.refuse("task_id \"" + task.id + "\" comes a second time");
    task.prompt = row.text("prompt");
    task.entry_point = row.text("entry_point");
    if (task.entry_point.empty()) row.refuse("'entry_point' is empty");
    task.setup = {task.prompt};
    task.tests = {row.text("test")};
    task.calls_check = true;
    tasks.push_back(std::move(task));
  });
  return tasks;
}

}  // namespace aicoder::eval
