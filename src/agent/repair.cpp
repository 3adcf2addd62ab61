// Repair: the Debugger role, on the real error of the present files only.
#include <algorithm>

#include "agent/project_run.h"

namespace aicoder::agent {

bool ProjectRun::repair() {
  if (now_.failing.empty()) return false;
  // Where the failures point now; the files as they are now decide, not as they were.
  std::map<std::string, SnapshotFile> files = workspace_.files();
  for (const auto& [path, text] : edits_) files[path] = {true, text, text.size()};
  ProjectFacts facts = read_facts(files);
  std::string path;
  std::vector<std::string> wanted = now_.failing;
  if (given_.empty()) {
    path = now_.failing.front();
  } else {
    Plan plan = make_plan(state_.request.task, files, facts, &now_.report);
    const PlanStep* best = nullptr;
    for (const PlanStep& step : plan.steps) {
      bool tried = tried_repairs_.contains(step.path + "#" + std::to_string(now_.passed)) && plan.steps.size() > 1;
      if (!step.path.empty() && !tried && (best == nullptr || step.checks.size() > best->checks.size())) best = &step;
    }
    if (best == nullptr) return false;
    path = best->path;
    if (!best->checks.empty()) wanted = best->checks;
  }
  wanted = nearest_tests(path, wanted);
  bool first = tried_repairs_.insert(path + "#" + std::to_string(now_.passed)).second;

  size_t room = answer_room(path);
  std::string ask = given_.empty() ? "The file cannot be imported:\n" + condense_failures(now_.report, {path}, 1) +
                                         "\nWrite the corrected " + path + ", complete."
                                   : "Find why these tests fail and write the corrected " + path + ", complete. Keep what works.";
  Prompt prompt = write_prompt(Role::kDebugger, path,
                               context_parts(path, given_.empty() ? std::vector<std::string>{} : wanted, &now_.report), ask, room);
  // The greedy answer to an unchanged prompt would be the same again; from the second round on the same file only samples are drawn.
  size_t n = std::max<size_t>(1, state_.options.n_candidates / 2);
  std::vector<Scored> scored = draft("debugger", prompt, path, first, first ? n - 1 : n, room, wanted);
  accept(scored, false);
  return !now_.failing.empty();
}

}  // namespace aicoder::agent
