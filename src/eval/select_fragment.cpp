#include <fmt/format.h>

#include <algorithm>

#include "eval/guard_kl.h"
#include "eval/run_tasks.h"
#include "eval/select_fragment.h"
#include "eval/selection_tasks.h"

namespace aicoder {
namespace {

using eval::EvalTask;

void append(EvalReport& report, EvalReport&& more) {
  report.suite = more.suite;
  report.n += more.n;
  report.passed += more.passed;
  std::move(more.items.begin(), more.items.end(), std::back_inserter(report.items));
  report.score = report.n == 0 ? 0 : static_cast<double>(report.passed) / static_cast<double>(report.n);
}

}  // namespace

namespace eval {

std::vector<size_t> halving_rounds(size_t n_candidates, size_t first_tasks, size_t eta, size_t n_tasks) {
  std::vector<size_t> rounds;
  size_t tasks = std::min(first_tasks, n_tasks);
  for (size_t left = n_candidates;; left = (left + eta - 1) / eta, tasks = std::min(n_tasks, tasks * eta)) {
    rounds.push_back(left == 1 ? n_tasks : tasks);  // the last one standing is measured on all there are
    if (left <= 1 || tasks == n_tasks) break;
  }
  return rounds;
}

}  // namespace eval

Selection select_fragment(LocalGenerator& generator, CodeRunner& runner, const SelectionOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[select] " + what); };
  if (options.candidates.empty()) refuse("no candidate");
  if (options.eta < 2 || options.first_tasks == 0) refuse("expected eta of 2 or more and at least one task in the first round");
  for (const auto& candidate : options.candidates) {
    if (candidate.strength.value_or(0.0f) == 0.0f) refuse(candidate.name + " has no strength, so it is the base");
  }
  auto tasks = eval::selection_tasks(options.suite, options.tasks);
  if (options.max_tasks != 0 && tasks.size() > options.max_tasks) tasks.resize(options.max_tasks);

  Selection selection;
  selection.trials.resize(options.candidates.size());
  const auto kl = eval::guard_kl(generator, options.candidates, options.guard, options.guard_tokens, options.stop);
  std::vector<size_t> left;
  for (size_t i = 0; i < kl.size(); ++i) {
    selection.trials[i] = {.candidate = i, .kl = kl[i], .in_bound = kl[i] <= options.max_kl};
    if (selection.trials[i].in_bound) left.push_back(i);
  }
  if (left.empty()) return selection;

  const auto run = [&](std::span<const EvalTask> some, const FragmentChoice* candidate, const std::string& stage) {
    EvalOptions o;
    o.suite = options.suite;
    if (candidate != nullptr) o.fragments = {*candidate};
    o.max_tokens = options.max_tokens;
    o.n_workers = options.n_workers;
    o.stop = options.stop;
    if (options.progress) o.progress = [&](const Progress& p) { options.progress({stage, p.done, p.total, p.unit}); };
    return eval::run_tasks(generator, runner, {some.begin(), some.end()}, o);
  };
  selection.rounds = eval::halving_rounds(left.size(), options.first_tasks, options.eta, tasks.size());
  EvalReport base;
  std::vector<EvalReport> reports(options.candidates.size());
  size_t done = 0;
  for (size_t round = 0; round < selection.rounds.size(); ++round) {
    const auto some = std::span(tasks).subspan(done, selection.rounds[round] - done);
    done = selection.rounds[round];
    append(base, run(some, nullptr, fmt::format("round {}: base", round + 1)));
    for (const size_t i : left) {
      append(reports[i], run(some, &options.candidates[i], fmt::format("round {}: candidate {}", round + 1, i + 1)));
      selection.trials[i].n = reports[i].n;
      selection.trials[i].passed = reports[i].passed;
      selection.trials[i].base_passed = base.passed;
    }
    // Equal ones: the one that changes less.
    std::stable_sort(left.begin(), left.end(), [&](size_t a, size_t b) {
      return reports[a].passed != reports[b].passed ? reports[a].passed > reports[b].passed : kl[a] < kl[b];
    });
    if (round + 1 < selection.rounds.size()) left.resize((left.size() + options.eta - 1) / options.eta);
  }
  const size_t best = left.front();
  if (reports[best].passed > base.passed) {
    selection.winner = best;
    const Comparison paired = compare(base, reports[best]);
    selection.evidence = {eval::selection_name(options.suite), paired.n, base.score, reports[best].score, paired.p_mcnemar,
                          *options.candidates[best].strength};
  }
  return selection;
}

}  // namespace aicoder
