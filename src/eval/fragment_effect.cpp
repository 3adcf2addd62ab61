#include <algorithm>

#include "eval/loss_change.h"

namespace aicoder {
namespace {

EvalReport run_arm(LocalGenerator& generator, CodeRunner& runner, const FragmentEffectOptions& options,
                   const FragmentEffectOptions::Suite& suite, const std::string& arm, const EvalOptions& changes) {
  EvalOptions run = changes;
  run.suite = suite.name;
  run.data = suite.data;
  if (!options.run.out_dir.empty()) run.out_dir = options.run.out_dir / (suite.name + "-" + arm);
  const std::string stage = suite.name + " " + arm;
  if (options.run.progress) run.progress = [&](const Progress& p) { options.run.progress({stage, p.done, p.total, p.unit}); };
  return run_suite(generator, runner, run);
}

TextEffect measure_text(LocalGenerator& generator, const FragmentChoice& fragment, const std::filesystem::path& path,
                        const FragmentEffectOptions& options) {
  const auto records = read_text_records(path);
  const auto loss = [&](std::span<const FragmentChoice> fragments) {
    return perplexity(generator.lane(fragments), records, 512, options.text_tokens, options.run.progress, options.run.stop);
  };
  const PerplexityResult off = loss({}), on = loss(std::span(&fragment, 1));
  return {.text = path,
          .tokens = off.tokens,
          .nll_off = off.nll,
          .nll_on = on.nll,
          .relative = off.nll > 0 ? on.nll / off.nll - 1 : 0,
          .ci95 = eval::loss_change_interval(off, on)};
}

}  // namespace

FragmentEffect measure_fragment(LocalGenerator& generator, CodeRunner& runner, const std::filesystem::path& fragment, float strength,
                                const FragmentEffectOptions& options) {
  FragmentEffect effect{.fragment = {fragment.string(), strength}, .suites = {}, .texts = {}};
  for (const auto& text : options.texts) effect.texts.push_back(measure_text(generator, effect.fragment, text, options));
  EvalOptions off = options.run;
  off.mode = Mode::kDirect;
  off.fragments.clear();
  off.fragment_hashes.clear();
  EvalOptions on = off, prompted = off;
  on.fragments = {effect.fragment};
  on.fragment_hashes = {fragment_tensor_hash(fragment)};
  prompted.system_prompt = options.prompt;
  for (const auto& suite : options.suites) {
    SuiteEffect result{.suite = suite.name,
                       .off = run_arm(generator, runner, options, suite, "off", off),
                       .on = run_arm(generator, runner, options, suite, "on", on),
                       .on_vs_off = {},
                       .prompt = {},
                       .on_vs_prompt = {}};
    result.on_vs_off = compare(result.off, result.on);
    if (!options.prompt.empty()) {
      result.prompt = run_arm(generator, runner, options, suite, "prompt", prompted);
      result.on_vs_prompt = compare(*result.prompt, result.on);
    }
    effect.suites.push_back(std::move(result));
  }
  return effect;
}

std::vector<Evidence> add_evidence(const FragmentInfo& info, const FragmentEffect& effect) {
  std::vector<Evidence> evidence = info.evidence;
  const float strength = effect.fragment.strength.value_or(info.strength);
  for (const auto& suite : effect.suites) {
    std::erase_if(evidence, [&](const Evidence& e) { return e.suite == suite.suite && e.strength == strength; });
    evidence.push_back({suite.suite, suite.on_vs_off.n, suite.off.score, suite.on.score, suite.on_vs_off.p_mcnemar, strength});
  }
  return evidence;
}

}  // namespace aicoder
