// The tasks that may choose a fragment: never those that judge one.
#pragma once

#include "eval/task.h"

namespace aicoder::eval {

/// Of mbpp the rows with ids of 601 and above (design, section 4), of gsm8k and security those that say "use": "select"; in a fixed
/// random order. \throws Error as load_suite, and kInvalidArgument for an empty path, a row that is no such one, or another suite.
std::vector<EvalTask> selection_tasks(const std::string& suite, const std::filesystem::path& data);
/// What evidence calls the tasks: "mbpp[601..]", "security[select]".
std::string selection_name(const std::string& suite);

}  // namespace aicoder::eval
