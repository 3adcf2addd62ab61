#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "eval/run_tasks.h"
#include "eval/selection_tasks.h"

namespace aicoder {
namespace {

/// 0 first, so that it is the reference of every trial; then as given, without repeats.
std::vector<float> ordered_grid(const std::vector<float>& grid) {
  if (std::find(grid.begin(), grid.end(), 0.0f) == grid.end()) {
    throw Error(ErrorCode::kInvalidArgument, "[strength] the grid holds no 0, so nothing would be compared with the base",
                "add 0 to the grid");
  }
  std::vector<float> ordered = {0.0f};
  for (const float strength : grid) {
    if (!std::isfinite(strength)) throw Error(ErrorCode::kInvalidArgument, "[strength] the grid holds a number that is not finite");
    if (std::find(ordered.begin(), ordered.end(), strength) == ordered.end()) ordered.push_back(strength);
  }
  return ordered;
}

}  // namespace

StrengthChoice select_strength(TextGenerator& generator, CodeRunner& runner, const std::filesystem::path& fragment,
                               const StrengthOptions& options) {
  const auto grid = ordered_grid(options.grid);
  auto tasks = eval::selection_tasks(options.suite, options.tasks);
  if (options.n_tasks != 0 && tasks.size() > options.n_tasks) tasks.resize(options.n_tasks);

  // A rebuilt file of the same name must not resume the old one's trials.
  const std::string fragment_hash = std::filesystem::is_regular_file(fragment) ? fragment_tensor_hash(fragment) : std::string();

  StrengthChoice choice;
  EvalReport off, best;
  for (const float strength : grid) {
    EvalOptions run;
    run.suite = options.suite;
    if (strength != 0.0f) {
      run.fragments = {{fragment.string(), strength}};
      run.fragment_hashes = {fragment_hash};
    }
    run.max_tokens = options.max_tokens;
    run.n_workers = options.n_workers;
    run.model_fingerprint = options.model_fingerprint;
    run.stop = options.stop;
    const std::string stage = fmt::format("strength {}", strength);
    if (options.progress) run.progress = [&](const Progress& step) { options.progress({stage, step.done, step.total, step.unit}); };
    if (!options.out_dir.empty()) run.out_dir = options.out_dir / fmt::format("strength-{}", strength);
    EvalReport report = eval::run_tasks(generator, runner, tasks, run);

    choice.trials.push_back({strength, report.passed, report.n});
    const bool better = report.passed > best.passed ||
                        (report.passed == best.passed && choice.strength != 0.0f && std::fabs(strength) < std::fabs(choice.strength));
    if (strength == 0.0f) off = report;
    if (strength == 0.0f || better) {
      choice.strength = strength;
      best = std::move(report);
    }
  }
  const Comparison paired = compare(off, best);
  choice.evidence = {eval::selection_name(options.suite), off.n, off.score, best.score, paired.p_mcnemar, choice.strength};
  return choice;
}

}  // namespace aicoder
