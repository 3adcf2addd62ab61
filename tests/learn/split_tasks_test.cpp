#include "learn/split_tasks.h"

#include <gtest/gtest.h>

#include "aicoder/core.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::learning {
namespace {

std::string rows(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += "{\"id\": " + std::to_string(i) + "}\n";
  return text;
}

TEST(SplitTasks, EveryRowIsOnOneSideAndStaysThereWhateverStandsAroundIt) {
  const test::TempDir dir;
  write_file_atomic(dir / "a.jsonl", rows(0, 400));
  const TaskSplit split = split_tasks(dir / "a.jsonl", 0.4, dir.path());
  EXPECT_EQ(split.n_fit + split.n_held_out, 400u);
  EXPECT_NEAR(static_cast<double>(split.n_held_out), 160, 40);
  const std::string fit = read_file(split.fit);
  write_file_atomic(dir / "b.jsonl", rows(200, 600));
  std::filesystem::create_directories(dir / "b");
  const TaskSplit other = split_tasks(dir / "b.jsonl", 0.4, dir / "b");
  const std::string other_fit = read_file(other.fit);
  size_t shared = 0;
  for_each_line(split.held_out, [&](size_t, std::string_view line) {
    EXPECT_EQ(fit.find(std::string(line) + "\n"), std::string::npos) << line;
    EXPECT_EQ(other_fit.find(std::string(line) + "\n"), std::string::npos) << "a task that judged is never learned from: " << line;
    ++shared;
  });
  EXPECT_EQ(shared, split.n_held_out);
}

TEST(SplitTasks, RefusesASideWithoutTasksAndBadShares) {
  const test::TempDir dir;
  write_file_atomic(dir / "one.jsonl", rows(0, 1));
  EXPECT_ERROR(split_tasks(dir / "one.jsonl", 0.5, dir.path()), ErrorCode::kInvalidArgument, "expected some of both");
  EXPECT_ERROR(split_tasks(dir / "one.jsonl", 0, dir.path()), ErrorCode::kInvalidArgument, "between 0 and 1");
  EXPECT_ERROR(split_tasks(dir / "none.jsonl", 0.5, dir.path()), ErrorCode::kNotFound, "none.jsonl");
}

}  // namespace
}  // namespace aicoder::learning
