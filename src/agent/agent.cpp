#include <algorithm>

#include "agent/ascii.h"
#include "agent/code_blocks.h"
#include "agent/run_state.h"
#include "agent/undo_journal.h"
#include "agent/value_question.h"

namespace aicoder {
namespace {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

/// A task whose answer is Python that can be run: other languages and questions are answered, not run.
bool wants_python(std::string_view task) {
  std::string text = agent::lower_ascii(task);
  auto has = [&](std::string_view word) { return text.find(word) != std::string::npos; };
  bool python = has("python") || has("def ") || has(">>>") || has("assert ");
  static constexpr std::string_view kOthers[] = {"c++",    "javascript", "typescript",   "rust", "golang", " in go", "java", "c#",
                                                 "kotlin", "bash",       "shell script", " sql", "html",   "css",    "자바", "러스트"};
  bool other = std::any_of(std::begin(kOthers), std::end(kOthers), has);
  static constexpr std::string_view kCode[] = {"function", "class", "script",   "program", "code",     "implement", "algorithm",
                                               "함수",     "코드",  "프로그램", "클래스",  "스크립트", "구현",      "알고리즘"};
  bool code = std::any_of(std::begin(kCode), std::end(kCode), has);
  return python || (code && !other) || !read_examples(task).empty();
}

/// What kind of answer the agentic path is to give.
enum class Work { kNone, kFunction, kProblem, kProject };

Work work_of(const TaskRequest& request) {
  if (!request.dir.empty()) return Work::kProject;
  // "A class of 30 students" is no class to write.
  if (agent::asks_for_value(request.task) && !agent::asks_for_code(request.task) && read_examples(request.task).empty())
    return Work::kProblem;
  return wants_python(request.task) ? Work::kFunction : Work::kNone;
}

}  // namespace

Agent::Agent(TextGenerator& generator, CodeRunner* runner, AgentOptions options)
    : generator_(generator), runner_(runner), options_(std::move(options)) {
  if (options_.n_candidates == 0) throw Error(ErrorCode::kInvalidArgument, "[agent] n_candidates is 0, expected at least 1");
  if (options_.max_tokens == 0) throw Error(ErrorCode::kInvalidArgument, "[agent] max_tokens is 0, expected at least 1");
}

AgentResult Agent::run(const TaskRequest& request, const AgentObserver& observer, const std::stop_token& stop) {
  if (is_blank(request.task)) throw Error(ErrorCode::kInvalidArgument, "[agent] the task is empty", "aicoder run \"what you want done\"");
  if (!request.dir.empty()) {
    std::error_code error;
    if (!std::filesystem::exists(request.dir, error)) {
      throw Error(ErrorCode::kInvalidArgument, "[agent] no folder " + request.dir.string(), "give an existing folder with --dir");
    }
    if (!std::filesystem::is_directory(request.dir, error)) {
      throw Error(ErrorCode::kInvalidArgument, "[agent] " + request.dir.string() + " is no folder", "give a folder with --dir");
    }
    if (agent::is_half_applied(request.dir)) {
      throw Error(ErrorCode::kFailedPrecondition, "[agent] an earlier apply to " + request.dir.string() + " was interrupted half-way",
                  "aicoder undo");
    }
  }
  auto begin = std::chrono::steady_clock::now();
  agent::RunState state(generator_, runner_, options_, request, observer, stop);
  state.begin_step("route");
  RouteDecision decision = route(request.task, request.dir, request.mode);
  const Work work = work_of(request);
  if (decision.mode == Mode::kAgent && work == Work::kNone) {
    decision.mode = Mode::kDirect;
    decision.reasons.emplace_back("Nothing in the task can be run as Python, so it is answered directly.");
  }
  if (decision.mode == Mode::kAgent && runner_ == nullptr && work != Work::kProblem) {
    if (request.mode == Mode::kAgent || !request.dir.empty()) {
      throw Error(ErrorCode::kFailedPrecondition, "[agent] this task needs the sandbox, and there is none", "aicoder doctor");
    }
    decision.mode = Mode::kDirect;
    decision.reasons.emplace_back("There is no sandbox, so it is answered directly and nothing is run.");
  }
  state.result.mode = decision.mode;
  state.result.reasons = decision.reasons;
  if (runner_ != nullptr) state.result.sandbox_level = runner_->level();
  std::string why;
  for (const std::string& reason : decision.reasons) why += (why.empty() ? "" : " ") + reason;
  state.end_step(std::string(to_string(decision.mode)), why);

  if (decision.mode == Mode::kDirect) {
    agent::answer_directly(state);
  } else if (work == Work::kProject) {
    agent::change_project(state);
  } else if (work == Work::kProblem) {
    agent::solve_problem(state);
  } else {
    agent::solve_function(state);
  }
  state.result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return state.result;
}

}  // namespace aicoder
