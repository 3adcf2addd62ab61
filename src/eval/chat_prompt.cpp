#include "eval/chat_prompt.h"

namespace aicoder::eval {
namespace {

struct Wording {
  const char* name;     ///< of the convention
  const char* version;  ///< of these bytes
  const char* system;   ///< nullptr: what the model's own template says
  const char* before;   ///< the visible prompt
  const char* after;
  const char* answer_begins;
};
constexpr Wording kEvalPlusWording = {
    "evalplus",
    "evalplus-chat-1",
    nullptr,
    "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n```\n",
    "\n```\n",
    "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:\n```python\n",
};
constexpr Wording kQwenWording = {
    "qwen",
    "qwen-coder-1",
    "You are an intelligent programming assistant to produce Python algorithmic solutions",
    "Can you complete the following Python function?\n```python\n",
    "\n```\n",
    "```python\n",
};
// The rest is ours. None says what it measures: a prompt that asks for secure code would measure the prompt.
constexpr Wording kRepairWording = {
    "",        "repair-1",    nullptr, "This Python program has one bug. Correct it and give the whole corrected program.\n```python\n",
    "\n```\n", "```python\n",
};
// What these models were taught to answer. A first wording of ours ("write the final number alone on the last line") made a 0.5B write the
// number at once: 8 of 100 right (docs/formats/eval-run.md).
constexpr Wording kNumberWording = {
    "", "number-2", nullptr, "", "\n\nPlease reason step by step, and put your final answer within \\boxed{}.", "",
};
constexpr Wording kProgramWording = {
    "", "program-1", nullptr, "Complete this Python program and give the whole program.\n```python\n", "\n```\n", "```python\n",
};
constexpr Wording kAskedProgramWording = {
    "", "asked-program-1", nullptr, "", "\n\nWrite it in Python, as one program.", "```python\n",
};

const Wording& wording(Convention convention) { return convention == Convention::kQwen ? kQwenWording : kEvalPlusWording; }

const Wording& wording(TaskKind kind, Convention convention) {
  switch (kind) {
    case TaskKind::kRepair:
      return kRepairWording;
    case TaskKind::kNumber:
      return kNumberWording;
    case TaskKind::kProgram:
      return kProgramWording;
    case TaskKind::kAskedProgram:
      return kAskedProgramWording;
    case TaskKind::kFunction:
      break;
  }
  return wording(convention);
}

// EvalPlus waits for "\n```\n"; models that end right after the fence never write that last line end, and cleaning drops a
// stray fence anyway, so stopping at the fence itself gives the same program some tokens earlier.
std::vector<std::string> stop_strings(TaskKind kind) {
  std::vector<std::string> stops = {"<|endoftext|>", "<|endofmask|>", "</s>"};
  if (kind == TaskKind::kNumber) return stops;
  stops.insert(stops.begin(), "\n```");
  // A program is judged whole, what it does when it is started included.
  if (!is_program(kind)) stops.insert(stops.end(), {"\nif __name__", "\ndef main(", "\nprint("});
  return stops;
}

std::string strip(const std::string& text) {
  constexpr const char* kBlank = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

const char* prompt_version(TaskKind kind, Convention convention) { return wording(kind, convention).version; }

std::string problem_message(const EvalTask& task, Convention convention) {
  const Wording& words = wording(task.kind, convention);
  std::string message = words.before + strip(task.prompt) + words.after;
  if (!task.visible.empty()) message += "\nThese checks hold for the corrected program:\n```python\n" + task.visible + "\n```\n";
  return message;
}

GenerationRequest answer_request(const EvalTask& task, const EvalOptions& options) {
  const Wording& words = wording(task.kind, options.convention);
  GenerationRequest request;
  if (!options.system_prompt.empty()) {
    request.messages.push_back({"system", options.system_prompt});
  } else if (words.system) {
    request.messages.push_back({"system", words.system});
  }
  for (const auto& shot : task.shots) {
    request.messages.push_back({shot.role, shot.role == "user" ? words.before + strip(shot.content) + words.after : shot.content});
  }
  request.messages.push_back({"user", problem_message(task, options.convention)});
  request.assistant_prefix = words.answer_begins;
  request.fragments = options.fragments;
  request.max_tokens = options.max_tokens;
  request.sampling.temperature = options.temperature;
  request.sampling.seed = options.seed;
  request.stop_strings = stop_strings(task.kind);
  return request;
}

}  // namespace aicoder::eval

namespace aicoder {

std::string_view to_string(Convention convention) { return eval::wording(convention).name; }

Convention parse_convention(std::string_view text) {
  for (const Convention convention : {Convention::kEvalPlus, Convention::kQwen}) {
    if (text == to_string(convention)) return convention;
  }
  throw Error(ErrorCode::kInvalidArgument, "[eval] '" + std::string(text) + "' is no convention",
              "aicoder eval --convention evalplus or qwen");
}

}  // namespace aicoder
