#include <algorithm>
#include <map>

#include "aicoder/eval.h"

namespace aicoder {

Comparison compare(const EvalReport& a, const EvalReport& b) {
  if (a.suite != b.suite) {
    throw Error(ErrorCode::kInvalidArgument, "[compare] the suites differ: '" + a.suite + "' and '" + b.suite + "'",
                "compare two runs of one suite");
  }
  std::map<std::string, const EvalItem*> of_a;
  for (const auto& item : a.items) of_a[item.id] = &item;

  Comparison result;
  std::vector<int> differences;
  for (const auto& item : b.items) {
    const auto found = of_a.find(item.id);
    if (found == of_a.end()) continue;
    const EvalItem& other = *found->second;
    if (!item.task_hash.empty() && !other.task_hash.empty() && item.task_hash != other.task_hash) {
      throw Error(ErrorCode::kInvalidArgument, "[compare] " + item.id + " is not the same task in both: its prompt or tests differ",
                  "run both on the same data file");
    }
    of_a.erase(found);  // an id listed twice counts once
    size_t& cell = other.passed ? (item.passed ? result.both : result.only_a) : (item.passed ? result.only_b : result.neither);
    ++cell;
    differences.push_back(static_cast<int>(item.passed) - static_cast<int>(other.passed));
  }
  if (differences.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[compare] the two runs share no task", "run both on the same tasks");
  }
  result.n = differences.size();
  result.delta = (static_cast<double>(result.only_b) - static_cast<double>(result.only_a)) / static_cast<double>(result.n);
  result.p_mcnemar = mcnemar_exact(result.only_a, result.only_b);
  result.ci95 = paired_bootstrap_interval(differences);
  // No discordant pair does not mean that there never is one.
  const auto discordant = static_cast<double>(std::max<size_t>(result.only_a + result.only_b, 1));
  result.detectable = detectable_effect(result.n, discordant / static_cast<double>(result.n));
  return result;
}

}  // namespace aicoder
