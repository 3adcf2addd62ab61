// What one Agent::run carries through its stages: steps as they happen, token counts, model calls by role.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agent/box_report.h"
#include "agent/prompt.h"
#include "aicoder/agent.h"

namespace aicoder::agent {

struct Draft {
  std::string text;  ///< with the forced prefix
  bool cut = false;  ///< ended at max_tokens: probably incomplete
};

class RunState {
 public:
  RunState(TextGenerator& generator_, CodeRunner* runner_, const AgentOptions& options_, const TaskRequest& request_,
           const AgentObserver& observer_, std::stop_token stop_);

  TextGenerator& generator;
  CodeRunner* runner;
  const AgentOptions& options;
  const TaskRequest& request;
  std::stop_token stop;
  AgentResult result;
  bool korean;

  void begin_step(const std::string& role);
  /// Ends the step begun last. \throws Error(kCancelled) when a stop was requested meanwhile.
  void end_step(std::string verdict, std::string detail);

  struct Ask {
    std::string role;
    Prompt prompt;
    bool greedy = true;    ///< one greedy draft, first in the result
    size_t n_sampled = 0;  ///< and so many at options.temperature, in the same batch
    size_t max_tokens = 0;
    bool stream = false;  ///< the greedy draft goes to on_text
  };
  /// Model calls inside the present step; adds tokens and switch time to it.
  std::vector<Draft> ask(const Ask& ask);

 private:
  /// The role's fragment, where it is for the language of the request.
  std::optional<FragmentChoice> fragment_of(const std::string& role) const;

  const AgentObserver& observer_;
  AgentStep step_;
  std::chrono::steady_clock::time_point step_begin_;
  uint32_t seed_;
};

/// True when the text holds Hangul: the user then gets Korean.
bool is_korean(std::string_view text);

// The ways of doing a task; each fills state.result.
void answer_directly(RunState& state);
void solve_function(RunState& state);
void solve_problem(RunState& state);
void change_project(RunState& state);

}  // namespace aicoder::agent
