// What a chat model is asked. Wording, prefilled beginning and stop strings are those of EvalPlus 0.3 (Apache-2.0,
// evalplus/codegen.py, provider/utility.py), because published scores of chat models were made with them.
#pragma once

#include "aicoder/adapter.h"
#include "eval/task.h"

namespace aicoder::eval {

/// Part of a run's settings: change it whenever a prompt byte or a stop string changes.
inline constexpr const char* kPromptVersion = "evalplus-chat-1";

/// The user's message: the instruction and the visible prompt in a fence.
std::string problem_message(const EvalTask& task);
/// One greedy answer that begins inside a Python fence and ends with it.
GenerationRequest answer_request(const EvalTask& task, const std::vector<FragmentChoice>& fragments, size_t max_tokens, uint32_t seed);

}  // namespace aicoder::eval
