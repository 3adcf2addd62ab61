#include "eval/selection_tasks.h"

#include <fmt/format.h>

#include <random>

#include "aicoder/core.h"

namespace aicoder::eval {
namespace {

constexpr int64_t kFirstSelectionId = 601;
constexpr uint64_t kShuffleSeed = 601;

}  // namespace

std::vector<EvalTask> selection_tasks(const std::string& suite, const std::filesystem::path& data) {
  const auto refuse = [](const std::string& what, const std::string& fix) {
    throw Error(ErrorCode::kInvalidArgument, "[selection] " + what, fix);
  };
  if (suite != "mbpp" && suite != "gsm8k" && suite != "security") {
    refuse("expected suite mbpp, gsm8k or security, found '" + suite + "': its tasks judge and choose nothing", "--task-suite mbpp");
  }
  if (data.empty()) refuse("no rows were named", "give a file of MBPP rows with ids of 601 and above, or of rows with \"use\": \"select\"");
  auto tasks = load_suite(suite, data);
  for (const auto& task : tasks) {
    if (suite == "mbpp" && task.number < kFirstSelectionId) {
      refuse(fmt::format("{} holds {}: ids below {} are for evaluation and choose nothing", data.string(), task.id, kFirstSelectionId),
             "leave only rows with task_id 601 and above in that file");
    }
    if (suite != "mbpp" && !task.selects) {
      refuse(fmt::format("{} holds {}, which does not say \"use\": \"select\": it is for evaluation and chooses nothing", data.string(),
                         task.id),
             "give rows of your own, each with \"use\": \"select\"");
    }
  }
  // Fisher-Yates by hand: std::shuffle draws differently with every standard library.
  std::mt19937_64 engine(kShuffleSeed);
  for (size_t i = tasks.size(); i > 1; --i) std::swap(tasks[i - 1], tasks[engine() % i]);
  return tasks;
}

std::string selection_name(const std::string& suite) { return suite + (suite == "mbpp" ? "[601..]" : "[select]"); }

}  // namespace aicoder::eval
