// A change to a project: tests as they are, a plan from structure, one file after the other, repair on real errors, review, and a
// last run of every given test on exactly what will be handed over.
#include <algorithm>

#include "agent/code_blocks.h"
#include "agent/other_languages.h"
#include "agent/project_run.h"
#include "agent/python_outline.h"
#include "agent/static_rules.h"

namespace aicoder::agent {
namespace {

std::string count_of(size_t n, const std::string& what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

}  // namespace

ProjectRun::ProjectRun(RunState& state) : state_(state), workspace_(state.request.dir, state.stop), facts_(read_facts(workspace_.files())) {
  notes_ = workspace_.notes();
}

bool ProjectRun::exists(const std::string& path) const { return edits_.contains(path) || workspace_.files().contains(path); }

std::string ProjectRun::content(const std::string& path) const {
  auto edit = edits_.find(path);
  if (edit != edits_.end()) return edit->second;
  auto file = workspace_.files().find(path);
  return file == workspace_.files().end() ? std::string() : file->second.content;
}

void ProjectRun::baseline() {
  if (facts_.test_files.empty()) return;
  state_.begin_step("run");
  before_ = run_given_tests(*state_.runner, {.dir = workspace_.copy(), .files = {}, .limits = state_.options.limits}, facts_,
                            state_.request.dir, state_.stop);
  given_ = before_.collected;
  for (const std::string& id : failing_tests(before_)) given_.insert(id);
  for (const auto& [id, outcome] : before_.results) {
    if (outcome.status == "skipped") given_.erase(id);
    if (outcome.passed()) {
      passed_before_.insert(id);
      given_.insert(id);
    }
  }
  now_ = measure({});
  std::string detail = "before: " + std::to_string(passed_before_.size()) + " of " + count_of(given_.size(), "given test") + " pass";
  if (!before_.framework.empty()) detail += " (" + before_.framework + ")";
  if (!before_.box.detail.empty()) detail += "; " + before_.box.detail;
  state_.end_step(before_.verdict(), detail);
}

void ProjectRun::plan() {
  state_.begin_step("plan");
  plan_ = make_plan(state_.request.task, workspace_.files(), facts_, facts_.test_files.empty() ? nullptr : &before_);
  notes_.insert(notes_.end(), plan_.notes.begin(), plan_.notes.end());
  state_.end_step(count_of(plan_.steps.size(), "step"), plan_.text());
}

Measure ProjectRun::measure(const std::map<std::string, std::string>& edits) {
  Sha256 hash;
  for (const auto& [path, text] : edits) {
    hash.update(path + std::string(1, '\0') + std::to_string(text.size()) + std::string(1, '\0'));
    hash.update(text);
  }
  std::string key = hash.hex();
  auto known = measured_.find(key);
  if (known != measured_.end()) return known->second;
  Measure result;
  if (!given_.empty() && edits.empty()) {
    result.report = before_;
    result.passed = passed_before_.size();
    result.failing = failing_tests(before_);
  } else {
    result = given_.empty() ? measure_imports(edits) : measure_tests(edits);
  }
  measured_.emplace(key, result);
  return result;
}

Measure ProjectRun::measure_tests(const std::map<std::string, std::string>& edits) {
  // The copy holds the given tests as the user left them, and edits never holds a protected path: they run unmodified.
  Measure m;
  m.report = run_given_tests(*state_.runner, {.dir = workspace_.copy(), .files = edits, .limits = state_.options.limits}, facts_,
                             state_.request.dir, state_.stop);
  for (const std::string& id : given_) {
    auto it = m.report.results.find(id);
    bool passed = it != m.report.results.end() && it->second.passed();
    m.passed += passed;
    if (!passed) m.failing.push_back(id);
    if (!passed && passed_before_.contains(id)) m.broken.push_back(id);
  }
  m.honest = m.report.tampered.empty() && m.report.done && m.report.box.verdict == Verdict::kOk;
  for (const auto& [path, text] : edits) {
    auto old = workspace_.files().find(path);
    std::string_view before = old == workspace_.files().end() ? std::string_view() : old->second.content;
    m.honest = m.honest && check_tampering(path, before, text).empty();
  }
  m.summary = std::to_string(m.passed) + " of " + count_of(given_.size(), "given test") + " pass";
  if (!m.broken.empty()) m.summary += ", " + std::to_string(m.broken.size()) + " that passed before broken";
  if (!m.report.tampered.empty()) m.summary += ", the test framework was tampered with";
  return m;
}

Measure ProjectRun::measure_imports(const std::map<std::string, std::string>& edits) {
  Measure m;
  m.report = check_changed_files(*state_.runner, {.dir = workspace_.copy(), .files = edits, .limits = state_.options.limits}, facts_,
                                 state_.request.dir, state_.stop);
  for (const auto& [path, error] : m.report.module_errors) m.report.results.emplace(path, error);
  if (m.report.results.empty()) {
    m.summary = "nothing in it can be run";
    return m;
  }
  m.passed = m.report.n_passed();
  for (const auto& [path, outcome] : m.report.results) {
    if (!outcome.passed()) m.failing.push_back(path);
  }
  const bool python = std::all_of(m.report.results.begin(), m.report.results.end(), [](const auto& r) { return r.first.ends_with(".py"); });
  m.summary = std::to_string(m.passed) + " of " + count_of(m.report.results.size(), "changed file") +
              (python ? " could be imported" : " could be compiled or imported") + "; no test was given";
  return m;
}

bool ProjectRun::fulfils(const Measure& measure, const std::vector<std::string>& wanted) const {
  if (!measure.broken.empty()) return false;
  if (given_.empty()) return measure.failing.empty();
  const auto& failing = measure.failing;
  if (wanted.empty()) return failing.empty();
  return std::none_of(wanted.begin(), wanted.end(),
                      [&](const std::string& id) { return std::find(failing.begin(), failing.end(), id) != failing.end(); });
}

bool ProjectRun::accept(std::vector<Scored>& scored, bool on_tie) {
  Scored* best = nullptr;
  for (Scored& s : scored) {
    if (!s.measure.broken.empty() || !s.measure.report.tampered.empty()) continue;
    if (best == nullptr || s.measure.passed > best->measure.passed) best = &s;
  }
  if (best == nullptr) return false;
  bool better = best->measure.passed > now_.passed;
  bool tie = on_tie && best->measure.passed == now_.passed;
  if (!better && !tie) return false;
  edits_ = best->files;
  now_ = best->measure;
  return true;
}

void ProjectRun::finish() {
  AgentResult& result = state_.result;
  bool aimed = std::any_of(plan_.steps.begin(), plan_.steps.end(), [](const PlanStep& step) { return !step.checks.empty(); });
  if (aimed && !edits_.empty() && now_.passed <= passed_before_.size()) {
    notes_.push_back("the drafts mended none of the failing tests, so they were thrown away");
    edits_.clear();
    result.findings.clear();  // they were about lines that are gone
  }
  for (auto it = edits_.begin(); it != edits_.end();) {
    auto old = workspace_.files().find(it->first);
    bool same = old != workspace_.files().end() && old->second.content == it->second;
    it = same ? edits_.erase(it) : std::next(it);
  }
  for (const auto& [path, text] : edits_) {
    FileChange change;
    change.path = path;
    auto old = workspace_.files().find(path);
    if (old != workspace_.files().end()) change.before = old->second.content;
    change.after = text;
    change.diff = unified_diff(path, change.before, change.after);
    result.files.push_back(std::move(change));
  }
  std::string names;
  for (const FileChange& file : result.files) names += (names.empty() ? "" : ", ") + file.path;

  if (!result.files.empty()) {
    // Not from memory: the last word is a run on exactly these files.
    state_.begin_step("run");
    Measure last = given_.empty() ? measure_imports(edits_) : measure_tests(edits_);
    bool verified = !given_.empty() && last.passed == given_.size() && last.honest;
    result.verification = verified ? Verification::kVerified : Verification::kRan;
    if (given_.empty() && last.report.results.empty()) result.verification = Verification::kNotRun;
    if (given_.empty()) {
      result.verification_detail = last.summary;
    } else {
      result.verification_detail = std::to_string(last.passed) + " of " + count_of(given_.size(), "given test") + " passed (" +
                                   std::to_string(given_.size() - passed_before_.size()) + " of " + std::to_string(given_.size()) +
                                   " failed before)";
      if (last.passed == given_.size() && !last.honest)
        result.verification_detail += "; not verified, because the change interferes with the test run";
    }
    for (const std::string& name : last.report.tampered) result.findings.push_back("the code replaced " + name + " while the tests ran");
    if (!last.failing.empty() && !given_.empty()) notes_.push_back("still failing:\n" + condense_failures(last.report, last.failing, 5));
    now_ = last;
    state_.end_step(last.report.verdict(), "final files: " + result.verification_detail);
  } else {
    result.verification = given_.empty() ? Verification::kNotRun : Verification::kRan;
    result.verification_detail = "no usable change was made";
    if (!given_.empty()) {
      result.verification_detail +=
          "; " + std::to_string(passed_before_.size()) + " of " + count_of(given_.size(), "given test") + " pass as before";
    }
  }

  std::string answer;
  if (state_.korean) {
    answer = result.files.empty() ? "쓸 수 있는 변경을 만들지 못했습니다." : "변경한 파일: " + names + ".";
    answer += result.verification == Verification::kVerified ? " 주어진 테스트가 모두 통과했습니다 (" : " 검증되지 않았습니다 (";
    answer += result.verification_detail + ").";
  } else {
    answer = result.files.empty() ? "No usable change was made." : "Changed " + names + ".";
    answer += result.verification == Verification::kVerified ? " Verified: " : " Not verified: ";
    answer += result.verification_detail + ".";
  }
  for (const std::string& note : notes_) answer += "\n" + note;
  result.answer = answer;
}

void change_project(RunState& state) {
  ProjectRun run(state);
  run.baseline();
  run.plan();
  const std::vector<PlanStep> steps = run.the_plan().steps;
  for (const PlanStep& step : steps) run.act(step);
  for (size_t round = 0; round < state.options.max_repairs && run.repair(); ++round) {
  }
  run.review();
  run.finish();
}

}  // namespace aicoder::agent
