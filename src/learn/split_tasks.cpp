#include "learn/split_tasks.h"

#include <charconv>
#include <string>

#include "aicoder/core.h"

namespace aicoder::learning {
namespace {

/// 0 to 1, the same on every machine.
double place_of(std::string_view row) {
  const std::string hex = sha256_hex(row).substr(0, 8);
  uint32_t value = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  return static_cast<double>(value) / 4294967296.0;
}

}  // namespace

TaskSplit split_tasks(const std::filesystem::path& tasks, double held_out_share, const std::filesystem::path& folder) {
  if (!(held_out_share > 0 && held_out_share < 1)) {
    throw Error(ErrorCode::kInvalidArgument, "[learn] held_out_share is " + std::to_string(held_out_share) + ", expected between 0 and 1");
  }
  TaskSplit split{folder / "fit.jsonl", folder / "held_out.jsonl"};
  std::string fit, held_out;
  for_each_line(tasks, [&](size_t, std::string_view line) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    const bool judges = place_of(line) < held_out_share;
    ++(judges ? split.n_held_out : split.n_fit);
    (judges ? held_out : fit).append(line).push_back('\n');
  });
  if (split.n_fit == 0 || split.n_held_out == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "[learn] " + tasks.string() + " gives " + std::to_string(split.n_fit) + " tasks to learn from and " +
                    std::to_string(split.n_held_out) + " that judge: expected some of both",
                "give more rows with --tasks, or another --held-out-share");
  }
  write_file_atomic(split.fit, fit);
  write_file_atomic(split.held_out, held_out);
  return split;
}

}  // namespace aicoder::learning
