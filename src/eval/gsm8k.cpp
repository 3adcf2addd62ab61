// GSM8K (Cobbe et al. 2021, arXiv 2110.14168): a word problem whose written answer ends in "#### " and the number. The rows carry no
// id; a task is known by its place in the file.
#include <set>

#include "aicoder/core.h"
#include "aicoder/text.h"
#include "eval/task.h"
#include "eval/task_rows.h"

namespace aicoder::eval {
namespace {

/// Without the calculator's notes, <<16-3-4=9>>, which no reader needs.
std::string without_notes(const std::string& answer) {
  std::string text;
  for (size_t at = 0; at < answer.size();) {
    const size_t open = answer.find("<<", at);
    const size_t close = open == std::string::npos ? open : answer.find(">>", open);
    if (close == std::string::npos) return text + answer.substr(at);
    text += answer.substr(at, open - at);
    at = close + 2;
  }
  return text;
}

}  // namespace

std::vector<EvalTask> load_gsm8k(const std::filesystem::path& path) {
  std::vector<EvalTask> tasks;
  for_each_row(path, [&](const TaskRow& row) {
    EvalTask task;
    task.number = static_cast<int64_t>(tasks.size());
    task.id = "GSM8K/" + std::to_string(task.number);
    task.kind = TaskKind::kNumber;
    task.prompt = row.text("question");
    task.selects = row.selects();
    const std::string answer = row.text("answer");
    const auto number = marked_number(answer);
    if (!number) row.refuse("expected an 'answer' that ends in \"#### \" and a number");
    task.tests = {number->text};
    task.setup = {without_notes(answer)};
    tasks.push_back(std::move(task));
  });
  return tasks;
}

void add_gsm8k_shots(std::vector<EvalTask>& tasks, const std::filesystem::path& path, size_t n) {
  if (n == 0) return;
  if (path.empty() || !std::filesystem::is_regular_file(path)) {
    throw Error(path.empty() ? ErrorCode::kInvalidArgument : ErrorCode::kNotFound,
                "[gsm8k] " + std::to_string(n) + " shots are asked for, but no rows to take them from: '" + path.string() + "'",
                "name rows of the training set with --shots-data FILE");
  }
  const auto rows = load_gsm8k(path);
  if (rows.size() < n) {
    throw Error(ErrorCode::kInvalidArgument,
                "[gsm8k] " + path.string() + " has " + std::to_string(rows.size()) + " rows, " + std::to_string(n) + " shots are asked for",
                "lower --shots");
  }
  std::set<std::string> questions;
  for (const auto& task : tasks) questions.insert(task.prompt);
  std::vector<ChatMessage> shots;
  for (size_t i = 0; i < n; ++i) {
    if (questions.contains(rows[i].prompt)) {
      throw Error(ErrorCode::kInvalidArgument, "[gsm8k] row " + std::to_string(i + 1) + " of " + path.string() + " is a task as well",
                  "name rows of the training set with --shots-data FILE");
    }
    shots.push_back({"user", rows[i].prompt});
    shots.push_back({"assistant", rows[i].setup.front()});
  }
  for (auto& task : tasks) task.shots = shots;
}

}  // namespace aicoder::eval
