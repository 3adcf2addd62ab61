#include "eval/task.h"

#include <array>

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
  // Only where there are any: suites without them keep the hashes of earlier runs.
  if (!visible.empty()) add(visible);
  for (const auto& shot : shots) add(shot.content);
  return sha.hex().substr(0, 16);
}

std::vector<EvalTask> load_suite(const std::string& suite, const std::filesystem::path& data) {
  struct Suite {
    const char *name, *file;
    std::vector<EvalTask> (*load)(const std::filesystem::path&);
  };
  static constexpr std::array<Suite, 5> kSuites = {{{"humaneval", "HumanEval.jsonl", load_humaneval},
                                                    {"mbpp", "mbpp.jsonl", load_mbpp},
                                                    {"gsm8k", "gsm8k.jsonl", load_gsm8k},
                                                    {"quixbugs", "quixbugs.jsonl", load_quixbugs},
                                                    {"security", "securityeval.jsonl", load_security}}};
  for (const Suite& known : kSuites) {
    if (suite == known.name) return known.load(find_data(suite, known.file, data));
  }
  throw Error(ErrorCode::kInvalidArgument, "[eval] no suite '" + suite + "'", "aicoder eval humaneval, mbpp, gsm8k, quixbugs or security");
}

}  // namespace aicoder::eval
