// The tasks that may choose a fragment: never those that judge one.
#pragma once

#include "eval/task.h"

namespace aicoder::eval {

/// MBPP rows with ids of 601 and above (design, section 4), in a fixed random order.
/// \throws Error as load_suite, and kInvalidArgument for an empty path or a row with an id below.
std::vector<EvalTask> selection_tasks(const std::filesystem::path& mbpp);

}  // namespace aicoder::eval
