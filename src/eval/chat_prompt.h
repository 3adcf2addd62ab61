// What a chat model is asked. For functions the wording, prefilled beginning and stop strings are those of the two harnesses published
// scores were made with: EvalPlus 0.3 (Apache-2.0, evalplus/codegen.py, provider/utility.py), and the harness of the Qwen2.5-Coder report
// (arXiv 2409.12186, section 6; repository Qwen2.5-Coder, qwencoder-eval/instruct/eval_plus).
#pragma once

#include "aicoder/eval.h"
#include "eval/task.h"

namespace aicoder::eval {

/// Part of a run's settings: change it whenever a prompt byte or a stop string changes.
const char* prompt_version(TaskKind kind, Convention convention);

/// The user's message: the instruction, the visible prompt (a program in a fence) and the visible checks.
std::string problem_message(const EvalTask& task, Convention convention);
/// One greedy answer; a program begins inside a Python fence and ends with it.
GenerationRequest answer_request(const EvalTask& task, const EvalOptions& options);

}  // namespace aicoder::eval
