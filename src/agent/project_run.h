// A change to a project: the snapshot, what its tests said before, the edits accepted so far, and how a candidate is measured.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/plan.h"
#include "agent/run_state.h"
#include "agent/workspace.h"

namespace aicoder::agent {

/// What the given tests say about a set of edits.
struct Measure {
  BoxReport report;
  size_t passed = 0;                 ///< of the given tests
  std::vector<std::string> failing;  ///< of the given tests
  std::vector<std::string> broken;   ///< passed before, do not now
  bool honest = true;                ///< nothing tampered with the test run
  std::string summary;
};

class ProjectRun {
 public:
  explicit ProjectRun(RunState& state);

  void baseline();
  void plan();
  void act(const PlanStep& step);
  /// One round; false when there was nothing left to try.
  bool repair();
  void review();
  void finish();

  bool all_pass() const { return !given_.empty() && now_.passed == given_.size(); }
  const Plan& the_plan() const { return plan_; }

 private:
  struct Scored {
    std::map<std::string, std::string> files;
    Measure measure;
  };
  std::string content(const std::string& path) const;
  bool exists(const std::string& path) const;
  Measure measure(const std::map<std::string, std::string>& edits);
  Measure measure_tests(const std::map<std::string, std::string>& edits);
  Measure measure_imports(const std::map<std::string, std::string>& edits);
  /// What the text of a draft changes: asked file taken whole or merged, protected and unsafe paths dropped with a note.
  std::map<std::string, std::string> edits_of(const std::string& text, const std::string& path, std::string& note);
  /// Drafts, drops repeats and what does not parse, measures, returns the best that breaks nothing.
  std::vector<Scored> draft(const std::string& role, const Prompt& prompt, const std::string& path, bool greedy, size_t n_sampled,
                            size_t max_tokens, const std::vector<std::string>& wanted);
  bool accept(std::vector<Scored>& scored, bool on_tie);
  bool fulfils(const Measure& measure, const std::vector<std::string>& wanted) const;
  bool imports(const std::string& test, const std::string& path) const;
  /// Those whose file imports `path`; all of them when none does.
  std::vector<std::string> nearest_tests(const std::string& path, const std::vector<std::string>& tests) const;
  size_t answer_room(const std::string& path) const;
  /// Of the file, else what most of the project is written in.
  std::string main_language(const std::string& path) const;
  std::vector<PromptPart> context_parts(const std::string& path, const std::vector<std::string>& tests, const BoxReport* report);
  Prompt write_prompt(Role role, const std::string& path, std::vector<PromptPart> parts, const std::string& ask, size_t max_tokens);
  std::vector<std::string> rule_findings(const std::map<std::string, std::string>& edits) const;
  void security_review();

  RunState& state_;
  Workspace workspace_;
  ProjectFacts facts_;
  BoxReport before_;
  std::set<std::string> given_;  ///< ids of the given tests; skipped ones are not counted
  std::set<std::string> passed_before_;
  Plan plan_;
  std::map<std::string, std::string> edits_;  ///< accepted: path -> new content
  Measure now_;                               ///< of edits_
  std::map<std::string, Measure> measured_;   ///< by hash of the edits: nothing runs twice
  std::vector<std::string> notes_;
  std::set<std::string> tried_repairs_;
};

}  // namespace aicoder::agent
