// Tasks to learn from and tasks that judge.
#pragma once

#include <filesystem>

namespace aicoder::learning {

struct TaskSplit {
  std::filesystem::path fit, held_out;  ///< JSONL, rows as they were
  size_t n_fit = 0, n_held_out = 0;
};
/// By a hash of each row, so that the same row is on the same side whatever stands around it, and evaluation rows never leak when rows are
/// added. \throws Error kNotFound, kInvalidArgument (one side would be empty).
TaskSplit split_tasks(const std::filesystem::path& tasks, double held_out_share, const std::filesystem::path& folder);

}  // namespace aicoder::learning
