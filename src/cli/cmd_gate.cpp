// gate: may this fragment be used by default?
#include <fmt/format.h>

#include "aicoder/learn.h"
#include "cli/effect_options.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EffectArgs effect;
  double max_rise = 0.01, max_p = 0.05;
};

int run(Runtime& runtime, const Args& args) {
  const auto measured = measure_effect(runtime, args.effect, "gate");
  const auto checks = gate_checks(measured.effect, args.max_rise, args.max_p);
  const bool passed = all_passed(checks);
  Json list = Json::array();
  std::string text = fmt::format("{} at strength {}\n", measured.effect.fragment.name, measured.strength);
  for (const GateCheck& c : checks) {
    list.push_back({{"name", c.name}, {"passed", c.passed}, {"found", c.found}, {"expected", c.expected}});
    text += fmt::format("  {} {}: {}; expected {}\n", c.passed ? "ok  " : "FAIL", c.name, c.found, c.expected);
  }
  text += passed ? "passed: it may be used by default\n" : "not passed: the base answers where nobody names this fragment\n";
  return runtime.finish(
      {{"fragment", measured.effect.fragment.name}, {"strength", decimal(measured.strength)}, {"passed", passed}, {"checks", list}}, text,
      passed ? kExitOk : kExitFailed);
}

}  // namespace

void add_gate(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("gate", "May a fragment be used by default: what it gains, what it costs elsewhere, in pairs");
  add_examples(*command, {"gate coder-own --suite humaneval=humaneval.jsonl --suite mbpp=mbpp.jsonl --text general.txt"});
  const auto args = std::make_shared<Args>();
  add_effect_options(*command, args->effect, runtime);
  command->add_option("--max-rise", args->max_rise, "Of the loss of each text that is let through, as a share")->capture_default_str();
  command->add_option("--max-p", args->max_p, "Of the gain, over the number of suites")
      ->check(CLI::Range(1e-6, 1.0))
      ->capture_default_str();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
