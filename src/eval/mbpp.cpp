// MBPP (Austin et al. 2021, arXiv 2108.07732). As EvalPlus does it, the prompt is a docstring of the description and the first
// assert; all asserts grade. They run in the answer's own namespace, as the authors' harness does (some use names the answer imports).
#include <set>

#include "eval/python_names.h"
#include "eval/task.h"
#include "eval/task_rows.h"

namespace aicoder::eval {

std::vector<EvalTask> load_mbpp(const std::filesystem::path& path) {
  std::vector<EvalTask> tasks;
  std::set<int64_t> seen;
  for_each_row(path, [&](const TaskRow& row) {
    EvalTask task;
    task.number = row.integer("task_id");
    if (!seen.insert(task.number).second) row.refuse("task_id " + std::to_string(task.number) + " comes a second time");
    task.id = "Mbpp/" + std::to_string(task.number);
    // The sanitized file calls the description "prompt", the full one "text".
    const std::string description = row.has("prompt") ? row.text("prompt") : row.text("text");
    task.setup = row.texts("test_imports", false);
    task.tests = row.texts("test_list", true);
    task.prompt = "\"\"\"\n" + description + "\n" + task.tests.front() + "\n\"\"\"\n";
    // The reference solution only tells which name in the visible assert is the function: set(f(x)) calls two.
    const auto entry_point = first_defined_call(task.tests.front(), row.text("code"));
    if (!entry_point) row.refuse("the first assert calls no function that 'code' defines");
    task.entry_point = *entry_point;
    task.shares_namespace = true;
    tasks.push_back(std::move(task));
  });
  return tasks;
}

}  // namespace aicoder::eval
