// Solutions of one task, grouped by what they do on generated inputs.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/box_report.h"
#include "aicoder/sandbox.h"

namespace aicoder::agent {

struct BehaviourGroups {
  std::vector<std::vector<size_t>> groups;  ///< indices of solutions that gave the same outputs; those that fail on every input are in none
  size_t n_inputs = 0;
};
/// Runs all of them in one box (behaviour.py). Inputs come from the task's examples, else from type hints, else from what the first takes
/// without an error. Code that breaks the box gives no groups: an outcome, not an error. \throws Error(kCancelled).
BehaviourGroups group_by_behaviour(CodeRunner& runner, const BoxJob& job, const std::vector<std::string>& codes, std::string_view task,
                                   const std::stop_token& stop);

}  // namespace aicoder::agent
