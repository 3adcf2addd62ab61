#include <map>

#include "eval/chat_prompt.h"
#include "eval/run_tasks.h"
#include "eval/selection_tasks.h"

namespace aicoder {

OwnAnswers own_answers(TextGenerator& generator, CodeRunner& runner, const EvalOptions& options) {
  if (options.mode != Mode::kDirect) throw Error(ErrorCode::kInvalidArgument, "[self] expected mode direct");
  auto tasks = eval::selection_tasks(options.suite, options.data);
  if (options.limit != 0 && tasks.size() > options.limit) tasks.resize(options.limit);
  const EvalReport report = eval::run_tasks(generator, runner, tasks, options);
  std::map<std::string, const eval::EvalTask*> by_id;
  for (const auto& task : tasks) by_id[task.id] = &task;
  EvalOptions without_prompt = options;
  without_prompt.system_prompt.clear();
  OwnAnswers answers;
  for (const EvalItem& item : report.items) {
    const bool wrong = item.verdict == "RE" || item.verdict == "WRONG" || item.verdict == "INSECURE";
    if (!item.passed && !wrong) continue;
    const GenerationRequest request = eval::answer_request(*by_id.at(item.id), without_prompt);
    TextRecord record{.text = {}, .messages = request.messages};
    // The fence that ended the answer was a stop string, so it is not part of it.
    const bool fenced = !request.assistant_prefix.empty();
    record.messages.push_back({"assistant", request.assistant_prefix + item.completion + (fenced ? "\n```" : "")});
    (item.passed ? answers.passed : answers.failed).push_back(std::move(record));
  }
  return answers;
}

}  // namespace aicoder
