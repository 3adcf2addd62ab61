// fragment eval: the model without and with a fragment, in pairs; what was measured goes into the file.
#include "cli/cmd_fragment_eval.h"

#include <fmt/format.h>

#include "cli/effect_options.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

std::string arm_text(const char* name, const EvalReport& report) {
  return fmt::format("{} {} of {} = {:.1f} %", name, report.passed, report.n, report.score * 100);
}

std::string comparison_text(const Comparison& c) {
  return fmt::format("{:+.1f} points (95 % interval {:+.1f} to {:+.1f}), lost {}, won {}, p = {:.3g}; could have shown {:.1f} points",
                     c.delta * 100, c.ci95[0] * 100, c.ci95[1] * 100, c.only_a, c.only_b, c.p_mcnemar, c.detectable * 100);
}

int report(Runtime& runtime, const FragmentEffect& effect, float strength, bool saved) {
  Json suites = Json::array(), texts = Json::array();
  std::string text = fmt::format("{} at strength {}\n", effect.fragment.name, strength);
  for (const auto& s : effect.suites) {
    Json entry = {
        {"suite", s.suite}, {"n", s.on_vs_off.n},    {"off", s.off.score}, {"on", s.on.score}, {"on_vs_off", to_json(s.on_vs_off)},
        {"prompt", Json()}, {"on_vs_prompt", Json()}};
    text += fmt::format("{}: {}, {}\n  on against off: {}\n", s.suite, arm_text("off", s.off), arm_text("on", s.on),
                        comparison_text(s.on_vs_off));
    if (s.prompt) {
      entry["prompt"] = s.prompt->score;
      entry["on_vs_prompt"] = to_json(*s.on_vs_prompt);
      text += fmt::format("  {}; on against prompt: {}\n", arm_text("prompt", *s.prompt), comparison_text(*s.on_vs_prompt));
    }
    suites.push_back(entry);
  }
  for (const auto& t : effect.texts) {
    texts.push_back({{"text", t.text.string()},
                     {"tokens", t.tokens},
                     {"nll_off", t.nll_off},
                     {"nll_on", t.nll_on},
                     {"relative", t.relative},
                     {"ci95", t.ci95}});
    text += fmt::format("{}: loss {:.4f} off, {:.4f} on: {:+.2f} % (95 % interval {:+.2f} to {:+.2f}), {} tokens\n",
                        t.text.filename().string(), t.nll_off, t.nll_on, t.relative * 100, t.ci95[0] * 100, t.ci95[1] * 100, t.tokens);
  }
  if (saved) text += "written into the fragment as evidence\n";
  return runtime.finish({{"fragment", effect.fragment.name},
                         {"strength", decimal(strength)},
                         {"suites", suites},
                         {"texts", texts},
                         {"evidence_saved", saved}},
                        text);
}

int run(Runtime& runtime, const EffectArgs& args) {
  const auto measured = measure_effect(runtime, args, "fragment eval");
  return report(runtime, measured.effect, measured.strength, measured.saved);
}

}  // namespace

void add_fragment_eval(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("eval", "ON against OFF, in pairs, on suites and text; writes the evidence into the file");
  add_examples(*command, {"fragment eval coder:0.1 --suite humaneval=humaneval.jsonl --suite mbpp=mbpp.jsonl --out results",
                          "fragment eval coder --text held-out.jsonl --text other.txt"});
  const auto args = std::make_shared<EffectArgs>();
  add_effect_options(*command, *args, runtime);
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
