#include "eval/task.h"

#include "aicoder/core.h"

namespace aicoder::eval {
namespace {

std::filesystem::path find_data(const std::string& suite, const std::string& file, const std::filesystem::path& data) {
  if (!data.empty()) {
    if (std::filesystem::is_regular_file(data)) return data;
    throw Error(ErrorCode::kNotFound, "[eval] no data file at " + data.string(), "name the " + suite + " rows with --data FILE");
  }
  const auto folder = data_dir() / "data";
  for (const char* ending : {"", ".gz"}) {
    if (std::filesystem::is_regular_file(folder / (file + ending))) return folder / (file + ending);
  }
  throw Error(ErrorCode::kNotFound, "[eval] the " + suite + " rows are not at " + (folder / file).string(),
              "aicoder eval " + suite + " --data FILE");
}

}  // namespace

std::string EvalTask::hash() const {
  Sha256 sha;
  const auto add = [&sha](std::string_view text) {
    sha.update(std::to_string(text.size()) + ":");  // lengths first, so that moving text between fields changes the hash
    sha.update(text);
  };
  add(id);
  add(prompt);
  add(entry_point);
  for (const auto* list : {&setup, &tests}) {
    add(std::to_string(list->size()));
    for (const auto& text : *list) add(text);
  }
  return sha.hex().substr(0, 16);
}

std::vector<EvalTask> load_suite(const std::string& suite, const std::filesystem::path& data) {
  if (suite == "humaneval") return load_humaneval(find_data(suite, "HumanEval.jsonl", data));
  if (suite == "mbpp") return load_mbpp(find_data(suite, "mbpp.jsonl", data));
  throw Error(ErrorCode::kInvalidArgument, "[eval] no suite '" + suite + "'", "aicoder eval humaneval, or aicoder eval mbpp");
}

}  // namespace aicoder::eval
