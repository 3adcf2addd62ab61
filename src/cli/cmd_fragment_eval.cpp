// fragment eval: the model without and with a fragment, in pairs; what was measured goes into the file.
#include "cli/cmd_fragment_eval.h"

#include <fmt/format.h>

#include "aicoder/eval.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::string fragment, prompt, convention = "qwen", out_dir;
  std::vector<std::string> suites, texts;
  size_t limit = 0, max_tokens = 768, text_tokens = 8192, n_parallel = 8;
  bool no_save = false;
};

FragmentEffectOptions::Suite parse_suite(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), equals == std::string::npos ? std::string() : text.substr(equals + 1)};
}

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

int run(Runtime& runtime, const Args& args) {
  if (args.suites.empty() && args.texts.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[fragment eval] nothing to measure on",
                "aicoder fragment eval NAME --suite humaneval=FILE --text held-out.jsonl");
  }
  FragmentEffectOptions options{
      .suites = {}, .texts = {args.texts.begin(), args.texts.end()}, .text_tokens = args.text_tokens, .prompt = args.prompt, .run = {}};
  for (const auto& suite : args.suites) options.suites.push_back(parse_suite(suite));
  for (const auto& text : options.texts) (void)read_text_records(text);  // before the model is loaded: a bad file costs no minute
  Sandbox box;
  auto engine = make_engine(runtime, args.engine, args.n_parallel);
  const auto choice = parse_fragment_choice(args.fragment);
  const auto path = resolve_fragment(choice.name, engine.model->fingerprint());
  const auto info = inspect_fragment(path);
  const float strength = choice.strength.value_or(info.strength);
  if (strength == 0.0f) {
    throw Error(ErrorCode::kInvalidArgument, "[fragment eval] the strength of " + choice.name + " is 0, so on and off are the same",
                "aicoder fragment eval " + choice.name + ":0.1 ...");
  }
  options.run.convention = parse_convention(args.convention);
  options.run.limit = args.limit;
  options.run.max_tokens = args.max_tokens;
  options.run.out_dir = args.out_dir;
  options.run.model_fingerprint = engine.model->fingerprint();
  options.run.progress = runtime.progress();
  options.run.stop = runtime.interrupt.token();
  const auto effect = measure_fragment(*engine.generator, box, path, strength, options);
  const bool save = !args.no_save && !info.foreign && !effect.suites.empty();
  if (save) update_fragment(path, info.strength, add_evidence(info, effect));
  return report(runtime, effect, strength, save);
}

}  // namespace

void add_fragment_eval(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("eval", "ON against OFF, in pairs, on suites and text; writes the evidence into the file");
  add_examples(*command, {"fragment eval coder:0.1 --suite humaneval=humaneval.jsonl --suite mbpp=mbpp.jsonl --out results",
                          "fragment eval coder --text held-out.jsonl --text other.txt"});
  const auto args = std::make_shared<Args>();
  command->add_option("fragment", args->fragment, "Name or path, NAME[:STRENGTH]")->required();
  add_model_option(*command, args->engine, runtime);
  command->add_option("--suite", args->suites, "SUITE=FILE of humaneval, mbpp, gsm8k, quixbugs, security; may be repeated");
  command->add_option("--text", args->texts, "Held-out text for the loss (.txt, .jsonl, .gz); may be repeated");
  command->add_option("--text-tokens", args->text_tokens, "Of each text; 0: all")->capture_default_str();
  command->add_option("--prompt", args->prompt, "A system message as a third arm: what the fragment has to beat");
  command->add_option("--convention", args->convention, "Prompt of EvalPlus, or of the Qwen2.5-Coder report")
      ->check(CLI::IsMember({"evalplus", "qwen"}))
      ->capture_default_str();
  command->add_option("--limit", args->limit, "First N items of each suite; 0: all")->capture_default_str();
  command->add_option("--max-tokens", args->max_tokens, "Per answer")
      ->check(CLI::Range(size_t{16}, size_t{1} << 16))
      ->capture_default_str();
  command->add_option("--parallel", args->n_parallel, "Answers generated together")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_option("--out", args->out_dir, "Folder for raw outputs; the same folder resumes, and its off runs serve every fragment");
  command->add_flag("--no-save", args->no_save, "Leave the file as it is");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
