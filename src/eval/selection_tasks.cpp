#include "eval/selection_tasks.h"

#include <fmt/format.h>

#include <random>

#include "aicoder/core.h"

namespace aicoder::eval {
namespace {

constexpr int64_t kFirstSelectionId = 601;
constexpr uint64_t kShuffleSeed = 601;

}  // namespace

std::vector<EvalTask> selection_tasks(const std::filesystem::path& mbpp) {
  if (mbpp.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[strength] no MBPP rows were named", "give a file of MBPP rows with ids of 601 and above");
  }
  auto tasks = load_suite("mbpp", mbpp);
  for (const auto& task : tasks) {
    if (task.number < kFirstSelectionId) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[strength] {} holds {}: ids below {} are for evaluation and choose nothing", mbpp.string(), task.id,
                              kFirstSelectionId),
                  "leave only rows with task_id 601 and above in that file");
    }
  }
  // Fisher-Yates by hand: std::shuffle draws differently with every standard library.
  std::mt19937_64 engine(kShuffleSeed);
  for (size_t i = tasks.size(); i > 1; --i) std::swap(tasks[i - 1], tasks[engine() % i]);
  return tasks;
}

}  // namespace aicoder::eval
