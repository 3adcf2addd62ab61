#include "eval/run_tasks.h"

namespace aicoder {
namespace {

struct Chosen {
  std::vector<eval::EvalTask> tasks;
  std::vector<std::string> left_out;
};

Chosen choose_tasks(const EvalOptions& options) {
  Chosen chosen{eval::load_suite(options.suite, options.data), {}};
  auto& tasks = chosen.tasks;
  if (options.suite == "mbpp") {
    std::erase_if(tasks, [&](const eval::EvalTask& task) {
      return task.number < options.first_id || (options.last_id != 0 && task.number > options.last_id);
    });
  } else if (options.first_id != 0 || options.last_id != 0) {
    throw Error(ErrorCode::kInvalidArgument, "[eval] an id range is for mbpp, not for " + options.suite);
  }
  if (options.suite == "gsm8k") {
    eval::add_gsm8k_shots(tasks, options.shots_data, options.n_shots);
  } else if (options.n_shots != 0) {
    throw Error(ErrorCode::kInvalidArgument, "[eval] shots are for gsm8k, not for " + options.suite);
  }
  for (const auto& task : tasks) {
    if (!task.left_out.empty()) chosen.left_out.push_back(task.id + " (" + task.left_out + ")");
  }
  std::erase_if(tasks, [](const eval::EvalTask& task) { return !task.left_out.empty(); });
  if (options.limit != 0 && tasks.size() > options.limit) tasks.resize(options.limit);
  return chosen;
}

}  // namespace

size_t check_suite(const EvalOptions& options) {
  const Chosen chosen = choose_tasks(options);
  (void)eval::find_bandit(chosen.tasks, options);
  return chosen.tasks.size();
}

EvalReport run_suite(TextGenerator& generator, CodeRunner& runner, const EvalOptions& options) {
  Chosen chosen = choose_tasks(options);
  return eval::run_tasks(generator, runner, chosen.tasks, options, std::move(chosen.left_out));
}

}  // namespace aicoder
