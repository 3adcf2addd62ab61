// The plan of a project task, from structure alone: failing tests, what they touch, what the task names. No model call: a small
// model's own plan costs accuracy, a given one helps.
#pragma once

#include <string>
#include <vector>

#include "agent/box_report.h"
#include "agent/project_facts.h"

namespace aicoder::agent {

struct PlanStep {
  std::string path;  ///< the file to write; empty: the model names it
  bool creates = false;
  std::vector<std::string> checks;   ///< ids of failing tests that point at this file
  std::vector<std::string> reasons;  ///< "3 failing tests raise NotImplementedError in it"
};
struct Plan {
  std::vector<PlanStep> steps;
  std::vector<std::string> notes;  ///< "tests/test_x.py needs the module 'flask', which the sandbox does not have"
  std::string text() const;        ///< for the person who reads along
};
Plan make_plan(const std::string& task, const std::map<std::string, SnapshotFile>& files, const ProjectFacts& facts,
               const BoxReport* baseline);

/// "tests/test_a.py" of "tests/test_a.py::T::test_x".
std::string file_of_test(const std::string& id);
/// Failing ids of a report; a file that cannot be imported stands for the ids read from its text.
std::vector<std::string> failing_tests(const BoxReport& report);
/// The outcome of a test: its own, or that of its file's failed import.
const Outcome* outcome_of(const BoxReport& report, const std::string& id);

}  // namespace aicoder::agent
