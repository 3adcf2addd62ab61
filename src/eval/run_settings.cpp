#include "eval/run_settings.h"

#include <fmt/format.h>

#include "eval/chat_prompt.h"
#include "eval/grader.h"

namespace aicoder::eval {
namespace {

std::string describe(const FragmentChoice& choice) {
  return choice.strength ? fmt::format("{}:{}", choice.name, *choice.strength) : choice.name + ":default";
}

}  // namespace

RunSettings run_settings(const EvalOptions& options, const std::string& model, TaskKind kind, const std::string& bandit) {
  std::string fragments;
  for (size_t i = 0; i < options.fragments.size(); ++i) {
    if (i > 0) fragments += ", ";
    fragments += describe(options.fragments[i]);
    if (i < options.fragment_hashes.size()) fragments += "@" + options.fragment_hashes[i].substr(0, 16);
  }
  RunSettings settings = {
      {"suite", options.suite},
      {"model", model},
      {"model_fingerprint", options.model_fingerprint},
      {"fragments", fragments},
      {"mode", std::string(to_string(options.mode))},
      {"max_tokens", std::to_string(options.max_tokens)},
      {"seed", std::to_string(options.seed)},
      {"prompt_version", prompt_version(kind, options.convention)},
      {"grading_version", grading_version(kind)},
      {"limits", fmt::format("cpu {} ms, wall {} ms, memory {} B", options.limits.cpu.count(), options.limits.wall.count(),
                             options.limits.memory_bytes)},
  };
  if (!bandit.empty()) settings["bandit"] = bandit;
  if (!options.system_prompt.empty()) settings["system_prompt"] = options.system_prompt;
  if (options.temperature != 0.0f) settings["temperature"] = fmt::format("{}", options.temperature);
  if (options.mode != Mode::kDirect) {
    const AgentOptions& agent = options.agent;
    settings["agent"] = fmt::format("candidates {}, repairs {}, max_tokens {}, temperature {}", agent.n_candidates, agent.max_repairs,
                                    agent.max_tokens, agent.temperature);
    std::string roles;
    for (const auto& [role, choice] : agent.role_fragments) roles += fmt::format("{}={} ", role, describe(choice));
    settings["agent_fragments"] = roles;
  }
  return settings;
}

}  // namespace aicoder::eval
