#include "eval/chat_prompt.h"

namespace aicoder::eval {
namespace {

constexpr const char* kInstruction =
    "Please provide a self-contained Python script that solves the following problem in a markdown code block:";
constexpr const char* kAnswerBegins =
    "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:";

std::string strip(const std::string& text) {
  constexpr const char* kBlank = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

std::string problem_message(const EvalTask& task) { return std::string(kInstruction) + "\n```\n" + strip(task.prompt) + "\n```\n"; }

GenerationRequest answer_request(const EvalTask& task, const std::vector<FragmentChoice>& fragments, size_t max_tokens, uint32_t seed) {
  GenerationRequest request;
  request.messages = {{"user", problem_message(task)}};
  request.assistant_prefix = std::string(kAnswerBegins) + "\n```python\n";
  request.fragments = fragments;
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0.0f;
  request.sampling.seed = seed;
  // EvalPlus waits for "\n```\n"; models that end right after the fence never write that last line end, and cleaning drops a
  // stray fence anyway, so stopping at the fence itself gives the same program some tokens earlier.
  request.stop_strings = {"\n```", "<|endoftext|>", "<|endofmask|>", "</s>", "\nif __name__", "\ndef main(", "\nprint("};
  return request;
}

}  // namespace aicoder::eval
