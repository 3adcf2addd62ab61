#include <fmt/format.h>

#include <map>
#include <set>

#include "eval/chat_prompt.h"
#include "eval/run_tasks.h"
#include "eval/selection_tasks.h"

namespace aicoder {

OwnAnswers own_answers(TextGenerator& generator, CodeRunner& runner, const EvalOptions& options, size_t n_samples, float temperature) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[self] " + what); };
  if (options.mode != Mode::kDirect) refuse("expected mode direct");
  if (n_samples == 0) refuse("no answer is asked for: samples is 0");
  if (n_samples > 1 && !(temperature > 0)) refuse("samples at temperature 0 are all the same: give one above 0");
  auto tasks = eval::selection_tasks(options.suite, options.data);
  if (options.limit != 0 && tasks.size() > options.limit) tasks.resize(options.limit);
  std::map<std::string, const eval::EvalTask*> by_id;
  for (const auto& task : tasks) by_id[task.id] = &task;
  EvalOptions without_prompt = options;
  without_prompt.system_prompt.clear();
  OwnAnswers answers;
  std::set<std::pair<std::string, std::string>> seen;
  for (size_t sample = 0; sample < n_samples; ++sample) {
    EvalOptions run = options;
    run.temperature = sample == 0 ? 0.0f : temperature;
    run.seed = options.seed + static_cast<uint32_t>(sample);
    if (sample > 0 && !run.out_dir.empty()) run.out_dir /= fmt::format("sample-{}", sample);
    for (const EvalItem& item : eval::run_tasks(generator, runner, tasks, run).items) {
      const bool wrong = item.verdict == "RE" || item.verdict == "WRONG" || item.verdict == "INSECURE";
      if ((!item.passed && !wrong) || !seen.emplace(item.id, item.completion).second) continue;
      const GenerationRequest request = eval::answer_request(*by_id.at(item.id), without_prompt);
      TextRecord record{.text = {}, .messages = request.messages};
      // The fence that ended the answer was a stop string, so it is not part of it.
      const bool fenced = !request.assistant_prefix.empty();
      record.messages.push_back({"assistant", request.assistant_prefix + item.completion + (fenced ? "\n```" : "")});
      (item.passed ? answers.passed : answers.failed).push_back(std::move(record));
    }
  }
  return answers;
}

}  // namespace aicoder
