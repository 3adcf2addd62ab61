#include "cli/selection_options.h"

#include "cli/runtime.h"

namespace aicoder::cli {

void add_task_suite(CLI::App& command, std::string& suite, const std::string& note) {
  auto* option = command.add_option("--task-suite", suite, "Suite of these tasks: mbpp, gsm8k or security" + note)
                     ->check(CLI::IsMember({"mbpp", "gsm8k", "security"}));
  if (!suite.empty()) option->capture_default_str();
}

std::filesystem::path selection_file(const std::string& suite, const std::string& given) {
  if (!given.empty()) return given;
  const auto shipped = share_dir() / "tasks" / (suite + "_select.jsonl");
  if (!std::filesystem::is_regular_file(shipped)) {
    throw Error(ErrorCode::kInvalidArgument, "[selection] no tasks ship for the suite " + suite, "--tasks FILE");
  }
  return shipped;
}

std::string text_or_file(const std::string& argument) {
  std::error_code too_long_for_a_name;
  return std::filesystem::is_regular_file(argument, too_long_for_a_name) ? read_file(argument, size_t{1} << 20) : argument;
}

}  // namespace aicoder::cli
