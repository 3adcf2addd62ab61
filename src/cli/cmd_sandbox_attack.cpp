// sandbox attack: is the box of this machine tight?
#include <fmt/format.h>

#include "aicoder/sandbox/attack.h"
#include "cli/cmd_sandbox_attack.h"

namespace aicoder::cli {
namespace {

struct Args {
  std::vector<std::string> only;
  bool list = false;
};

Colour colour_of(AttackOutcome outcome) {
  switch (outcome) {
    case AttackOutcome::kContained:
      return Colour::kGreen;
    case AttackOutcome::kNotApplicable:
      return Colour::kDim;
    case AttackOutcome::kEscaped:
    case AttackOutcome::kInconclusive:
      break;
  }
  return Colour::kRed;
}

int list(Runtime& runtime) {
  Json names = Json::array();
  std::string text;
  for (const auto& attack : list_attacks()) {
    names.push_back({{"name", attack.name}, {"about", attack.about}});
    text += fmt::format("{:<34} {}\n", attack.name, attack.about);
  }
  return runtime.finish({{"attacks", names}}, text);
}

int run(Runtime& runtime, const Args& args) {
  if (args.list) return list(runtime);
  const auto report = run_attacks({.only = args.only, .progress = runtime.progress(), .stop = runtime.interrupt.token()});
  Json attacks = Json::array();
  std::string text;
  for (const auto& attack : report.attacks) {
    const auto name = std::string(to_string(attack.outcome));
    attacks.push_back({{"name", attack.name},
                       {"group", attack.group()},
                       {"about", attack.about},
                       {"outcome", name},
                       {"outside", attack.outside},
                       {"inside", attack.inside},
                       {"seconds", attack.seconds}});
    const bool tried = attack.outcome != AttackOutcome::kNotApplicable;
    text += fmt::format("{} {:<34} {}\n", runtime.terminal.paint(colour_of(attack.outcome), fmt::format("{:<14}", name)), attack.name,
                        tried ? attack.inside : "outside: " + attack.outside);
  }
  text += fmt::format("\nas {} on Linux {}: {} attacks work outside, {} contained, {} escaped, {} inconclusive; {} not applicable here\n",
                      report.user, report.kernel, report.counted(), report.count(AttackOutcome::kContained),
                      report.count(AttackOutcome::kEscaped), report.count(AttackOutcome::kInconclusive),
                      report.count(AttackOutcome::kNotApplicable));
  return runtime.finish({{"tight", report.tight()},
                         {"user", report.user},
                         {"kernel", report.kernel},
                         {"counted", report.counted()},
                         {"contained", report.count(AttackOutcome::kContained)},
                         {"escaped", report.count(AttackOutcome::kEscaped)},
                         {"inconclusive", report.count(AttackOutcome::kInconclusive)},
                         {"not_applicable", report.count(AttackOutcome::kNotApplicable)},
                         {"attacks", attacks}},
                        text, report.tight() ? kExitOk : kExitFailed);
}

}  // namespace

void add_sandbox_attack(CLI::App& sandbox, Runtime& runtime) {
  auto* command =
      sandbox.add_subcommand("attack", "Attack the sandbox of this machine: each attack first works outside, then must fail in a box");
  add_examples(*command, {"sandbox attack", "sandbox attack network ipc", "sandbox attack --list"});
  const auto args = std::make_shared<Args>();
  command->add_option("attack", args->only, "Attacks or groups to try; default: all");
  command->add_flag("--list", args->list, "Only name them");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
