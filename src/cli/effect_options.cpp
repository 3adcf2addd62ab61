#include "cli/effect_options.h"

#include <fmt/format.h>

namespace aicoder::cli {
namespace {

FragmentEffectOptions::Suite parse_suite(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), equals == std::string::npos ? std::string() : text.substr(equals + 1)};
}

}  // namespace

void add_effect_options(CLI::App& command, EffectArgs& args, const Runtime& runtime) {
  command.add_option("fragment", args.fragment, "Name or path, NAME[:STRENGTH]")->required();
  add_model_option(command, args.engine, runtime);
  command.add_option("--suite", args.suites, "SUITE=FILE of humaneval, mbpp, gsm8k, quixbugs, security; may be repeated");
  command.add_option("--text", args.texts, "Held-out text for the loss (.txt, .jsonl, .gz); may be repeated");
  command.add_option("--text-tokens", args.text_tokens, "Of each text; 0: all")->capture_default_str();
  command.add_option("--prompt", args.prompt, "A system message as a third arm: what the fragment has to beat");
  command.add_option("--convention", args.convention, "Prompt of EvalPlus, or of the Qwen2.5-Coder report")
      ->check(CLI::IsMember({"evalplus", "qwen"}))
      ->capture_default_str();
  command.add_option("--limit", args.limit, "First N items of each suite; 0: all")->capture_default_str();
  command.add_option("--max-tokens", args.max_tokens, "Per answer")->check(CLI::Range(size_t{16}, size_t{1} << 16))->capture_default_str();
  command.add_option("--parallel", args.n_parallel, "Answers generated together")->check(CLI::Range(1, 64))->capture_default_str();
  command.add_option("--out", args.out_dir, "Folder for raw outputs; the same folder resumes, and its off runs serve every fragment");
  command.add_flag("--no-save", args.no_save, "Leave the file as it is");
}

MeasuredEffect measure_effect(Runtime& runtime, const EffectArgs& args, const std::string& place) {
  if (args.suites.empty() && args.texts.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[" + place + "] nothing to measure on",
                "aicoder " + place + " NAME --suite humaneval=FILE --text held-out.jsonl");
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
    throw Error(ErrorCode::kInvalidArgument, "[" + place + "] the strength of " + choice.name + " is 0, so on and off are the same",
                "aicoder " + place + " " + choice.name + ":0.1 ...");
  }
  options.run.convention = parse_convention(args.convention);
  options.run.limit = args.limit;
  options.run.max_tokens = args.max_tokens;
  options.run.out_dir = args.out_dir;
  options.run.model_fingerprint = engine.model->fingerprint();
  options.run.progress = runtime.progress();
  options.run.stop = runtime.interrupt.token();
  auto effect = measure_fragment(*engine.generator, box, path, strength, options);
  const bool save = !args.no_save && !info.foreign && !effect.suites.empty();
  if (save) update_fragment(path, info.strength, add_evidence(info, effect));
  return {std::move(effect), strength, save};
}

}  // namespace aicoder::cli
