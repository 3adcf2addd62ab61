#include "eval/run_tasks.h"

namespace aicoder {

EvalReport run_suite(TextGenerator& generator, CodeRunner& runner, const EvalOptions& options) {
  std::vector<eval::EvalTask> tasks = eval::load_suite(options.suite, options.data);
  if (options.suite == "mbpp") {
    std::erase_if(tasks, [&](const eval::EvalTask& task) {
      return task.number < options.first_id || (options.last_id != 0 && task.number > options.last_id);
    });
  } else if (options.first_id != 0 || options.last_id != 0) {
    throw Error(ErrorCode::kInvalidArgument, "[eval] an id range is for mbpp, not for " + options.suite);
  }
  if (options.limit != 0 && tasks.size() > options.limit) tasks.resize(options.limit);
  return eval::run_tasks(generator, runner, tasks, options);
}

}  // namespace aicoder
