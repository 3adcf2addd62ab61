// A stand-alone function: draft, run the task's own examples, sample more only when the first fails, repair on real errors.
// No plan: on one-function tasks a small model's own plan costs accuracy.
#include <algorithm>
#include <map>

#include "agent/behaviour.h"
#include "agent/code_blocks.h"
#include "agent/run_state.h"
#include "agent/static_rules.h"

namespace aicoder::agent {
namespace {

struct Candidate {
  std::string code;
  size_t passed = 0;
  bool loads = false;  ///< the code itself ran to its end
  bool all = false;    ///< every given example passed, honestly
  std::string errors;  ///< for the repair prompt
  std::string verdict;
};

std::string code_of(const std::string& draft, const std::string& task) {
  auto code = extract_code(draft);
  if (!code) return {};
  // A block of the language's name alone, or of blanks, is no code.
  if (code->find_first_not_of(" \t\r\n") == std::string::npos) return {};
  return complete_imports(task, *code);
}

class FunctionTask {
 public:
  explicit FunctionTask(RunState& state) : state_(state) {
    for (const Example& example : read_examples(state.request.task)) checks_.push_back(example.check);
  }

  void run() {
    draft("coder", task_prompt(), true, 0);
    if (state_.options.n_candidates > 1 && (checks_.empty() || !solved())) {
      draft("coder", task_prompt(), false, state_.options.n_candidates - 1);
      if (checks_.empty()) take_most_common_behaviour();
    }
    for (size_t round = 0; round < state_.options.max_repairs && !solved() && !best_.code.empty(); ++round) {
      // The greedy answer to an unchanged prompt would be the same again; samples are not.
      bool changed = best_.code != repaired_from_;
      repaired_from_ = best_.code;
      size_t n_sampled = std::max<size_t>(1, state_.options.n_candidates / 2);
      draft("debugger", repair_prompt(), changed, changed ? n_sampled - 1 : n_sampled);
    }
    finish();
  }

 private:
  bool solved() const { return checks_.empty() ? best_.loads : best_.all; }

  Prompt task_prompt() {
    std::string task = state_.request.task, fence = fence_for(task);
    PromptPart part{"Write a self-contained Python script that solves this problem:\n" + fence + "\n" + task +
                        (task.ends_with('\n') ? "" : "\n") + fence + "\n",
                    {},
                    "the task",
                    0};
    Prompt prompt = fit_prompt(state_.generator, system_prompt(Role::kCoder, state_.korean), state_.request.history, {part}, max_tokens());
    prompt.prefix = "Here is a self-contained Python script that solves the problem:\n```python\n";
    prompt.stop = {"\n```"};
    return prompt;
  }

  Prompt repair_prompt() {
    std::string task = state_.request.task, fence = fence_for(task + best_.code);
    std::vector<PromptPart> parts = {
        {"Problem:\n" + fence + "\n" + task + "\n" + fence + "\n\n", {}, "the task", 0},
        {"This solution is wrong:\n" + fence + "python\n" + best_.code + fence + "\n\n", {}, "the solution", 0},
        {"What happened when it ran:\n" + best_.errors + "\n", {}, "the errors", 1},
        {"Write the corrected script, complete.", {}, "", 0}};
    Prompt prompt = fit_prompt(state_.generator, system_prompt(Role::kDebugger, state_.korean), {}, parts, max_tokens());
    prompt.prefix = "```python\n";
    prompt.stop = {"\n```"};
    return prompt;
  }

  size_t max_tokens() const { return std::min(state_.options.max_tokens, state_.generator.n_ctx_seq() / 2); }

  void draft(const std::string& role, const Prompt& prompt, bool greedy, size_t n_sampled) {
    state_.begin_step(role);
    std::vector<Draft> drafts = state_.ask(
        {.role = role, .prompt = prompt, .greedy = greedy, .n_sampled = n_sampled, .max_tokens = max_tokens(), .stream = first_});
    first_ = false;
    std::vector<std::string> codes;
    size_t empty = 0, repeated = 0;
    for (const Draft& d : drafts) {
      std::string code = code_of(d.text, state_.request.task);
      if (code.empty()) {
        ++empty;
        continue;
      }
      if (++votes_[code] > 1)
        ++repeated;
      else
        codes.push_back(std::move(code));
    }
    std::string detail = std::to_string(drafts.size()) + (drafts.size() == 1 ? " draft" : " drafts");
    if (empty > 0) detail += ", " + std::to_string(empty) + " without code";
    if (repeated > 0) detail += ", " + std::to_string(repeated) + " identical to one before, not run again";
    if (best_.code.empty() && codes.empty() && !drafts.empty()) raw_answer_ = drafts.front().text;
    state_.end_step(codes.empty() ? "no code" : "drafted", detail);
    for (const std::string& code : codes) {
      try_candidate(code);
      // Without examples any code that loads would do: which one, all of them decide together.
      if (solved() && !checks_.empty()) return;
    }
  }

  /// Without an example there is no judge but agreement: of the drafts that load, the largest group that gives the same outputs on
  /// generated inputs (CodeT without its tests, Chen et al. 2022, arXiv 2207.10397; execution-based majority, Shi et al. 2022, arXiv
  /// 2204.11454).
  void take_most_common_behaviour() {
    if (loaded_.size() < 2) return;
    state_.begin_step("run");
    const BehaviourGroups groups =
        group_by_behaviour(*state_.runner, {.limits = state_.options.limits}, loaded_, state_.request.task, state_.stop);
    size_t most = 0;
    const std::vector<size_t>* chosen = nullptr;
    for (const auto& group : groups.groups) {  // the greedy draft's group stands before others of its size: it was drafted first
      size_t votes = 0;
      for (const size_t i : group) votes += votes_.at(loaded_[i]);
      if (votes > most) {
        most = votes;
        chosen = &group;
      }
    }
    if (chosen == nullptr || groups.n_inputs == 0) {
      state_.end_step("no inputs", "the drafts could not be compared by running them");
      return;
    }
    best_.code = loaded_[chosen->front()];
    state_.end_step("compared", std::to_string(groups.groups.size()) + " ways of behaving on " + std::to_string(groups.n_inputs) +
                                    " generated inputs; " + std::to_string(most) + " drafts share the one taken");
  }

  Candidate measure(const std::string& code, BoxReport& report) {
    Candidate candidate{.code = code};
    report = run_checks(*state_.runner, {.limits = state_.options.limits}, code, checks_, state_.stop);
    candidate.passed = report.n_passed();
    candidate.loads = report.done && report.module_errors.empty() && report.box.verdict == Verdict::kOk;
    bool honest = report.tampered.empty() && check_tampering("solution.py", "", code).empty();
    candidate.all = candidate.loads && honest && candidate.passed == checks_.size() && !checks_.empty();
    candidate.verdict = checks_.empty() && candidate.loads ? "OK" : report.verdict();
    for (const auto& [file, error] : report.module_errors) {
      candidate.errors += error.message + "\n";
      for (const Frame& frame : error.frames) candidate.errors += "  line " + std::to_string(frame.line) + ": " + frame.code + "\n";
    }
    for (size_t i = 0; i < checks_.size(); ++i) {
      auto it = report.results.find(std::to_string(i));
      if (it == report.results.end() || it->second.passed()) continue;
      candidate.errors += "- " + checks_[i] + "\n    " + it->second.message + "\n";
      for (const Frame& frame : it->second.frames) candidate.errors += "    line " + std::to_string(frame.line) + ": " + frame.code + "\n";
    }
    if (candidate.errors.empty() && !candidate.loads) candidate.errors = candidate.verdict + " " + report.box.detail + "\n";
    return candidate;
  }

  void try_candidate(const std::string& code) {
    state_.begin_step("run");
    BoxReport report;
    Candidate candidate = measure(code, report);
    bool better =
        best_.code.empty() || (candidate.loads && !best_.loads) || (candidate.loads == best_.loads && candidate.passed > best_.passed);
    std::string detail = summary(candidate);
    std::string verdict = candidate.verdict;
    if (candidate.loads) loaded_.push_back(code);
    if (better || candidate.all) best_ = std::move(candidate);
    state_.end_step(verdict, detail);
  }

  std::string summary(const Candidate& candidate) const {
    if (checks_.empty())
      return candidate.loads ? "the code ran without an error; no example was given"
                             : "the code failed: " + candidate.errors.substr(0, 200);
    return std::to_string(candidate.passed) + " of " + std::to_string(checks_.size()) + " given examples passed";
  }

  void finish() {
    AgentResult& result = state_.result;
    if (best_.code.empty()) {
      result.answer = raw_answer_;
      result.verification_detail = "the model gave no code, so nothing was run";
      return;
    }
    std::string fence = fence_for(best_.code);
    result.answer = fence + "python\n" + best_.code + fence + "\n";
    for (const Finding& finding : check_rules("answer.py", "", best_.code)) result.findings.push_back(finding.text());
    // Once more on exactly what is handed over.
    state_.begin_step("run");
    BoxReport report;
    Candidate last = measure(best_.code, report);
    result.verification = last.all ? Verification::kVerified : Verification::kRan;
    result.verification_detail = summary(last);
    for (const std::string& name : report.tampered) result.findings.push_back("answer.py: replaced " + name + " while it ran");
    for (const Finding& finding : check_tampering("answer.py", "", best_.code)) result.findings.push_back(finding.text());
    state_.end_step(last.verdict, "final code: " + result.verification_detail);
  }

  RunState& state_;
  std::vector<std::string> checks_;
  std::map<std::string, size_t> votes_;  ///< drafts that gave this code
  std::vector<std::string> loaded_;      ///< distinct codes that ran to their end, in the order of drafting
  Candidate best_;
  std::string raw_answer_, repaired_from_;
  bool first_ = true;
};

}  // namespace

void solve_function(RunState& state) { FunctionTask(state).run(); }

}  // namespace aicoder::agent
