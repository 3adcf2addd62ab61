// eval SUITE, eval compare.
#include <fmt/format.h>

#include "aicoder/eval.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  EvalOptions options;
  std::string data, mode = "direct", convention = "qwen", out_dir;
  size_t n_parallel = 8;
  std::string a, b;
};

int run(Runtime& runtime, Args& args, const std::string& suite) {
  EvalOptions options = args.options;
  options.suite = suite;
  options.data = args.data;
  options.out_dir = args.out_dir;
  options.mode = parse_mode(args.mode);
  options.convention = parse_convention(args.convention);
  options.fragments = parse_fragments(args.engine.fragments);
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  options.agent.limits = runtime.config.limits;
  Sandbox box;  // before the model is loaded: without it nothing can be graded
  auto engine = make_engine(runtime, args.engine, args.n_parallel);
  options.model_fingerprint = engine.model->fingerprint();
  for (const auto& f : options.fragments)
    options.fragment_hashes.push_back(fragment_tensor_hash(resolve_fragment(f.name, options.model_fingerprint)));
  const auto report = run_suite(*engine.generator, box, options);
  std::string text = fmt::format("{} on {}: {} of {} passed = {:.1f} % (95 % interval {:.1f} to {:.1f}), {} tokens, {}", report.suite,
                                 report.model, report.passed, report.n, report.score * 100, report.ci95[0] * 100, report.ci95[1] * 100,
                                 report.tokens, human_seconds(report.seconds));
  if (report.resumed > 0) text += fmt::format("\n{} items were already done", report.resumed);
  return runtime.finish(to_json(report), text);
}

int compare_reports(Runtime& runtime, const Args& args) {
  const auto c = compare(read_report(args.a), read_report(args.b));
  return runtime.finish(
      to_json(c), fmt::format("n {}: both {}, only A {}, only B {}, neither {}\n"
                              "B - A = {:+.1f} points (95 % interval {:+.1f} to {:+.1f}), exact McNemar p = {:.3g}",
                              c.n, c.both, c.only_a, c.only_b, c.neither, c.delta * 100, c.ci95[0] * 100, c.ci95[1] * 100, c.p_mcnemar));
}

}  // namespace

void add_eval(CLI::App& app, Runtime& runtime) {
  auto* eval = app.add_subcommand("eval", "Measure: suites with hidden tests graded in the sandbox, and paired comparison");
  eval->require_subcommand(1);
  const auto args = std::make_shared<Args>();
  args->options.agent.n_candidates = runtime.config.n_candidates;
  args->options.agent.max_repairs = runtime.config.max_repairs;
  const auto add_suite = [&](const char* name, const char* about) {
    auto* command = eval->add_subcommand(name, about);
    add_engine_options(*command, args->engine, runtime);
    command->add_option("--data", args->data, "JSONL of the suite, also .gz; default: SUITE.jsonl in the data folder");
    command->add_option("--mode", args->mode, "direct, or agent (sees only the examples the prompt shows)")
        ->check(CLI::IsMember({"direct", "agent"}))
        ->capture_default_str();
    command->add_option("--convention", args->convention, "Prompt of EvalPlus, or of the Qwen2.5-Coder report")
        ->check(CLI::IsMember({"evalplus", "qwen"}))
        ->capture_default_str();
    command->add_option("--limit", args->options.limit, "First N items; 0: all")->capture_default_str();
    command->add_option("--out", args->out_dir, "Folder for raw outputs; run again with the same folder to resume");
    command->add_option("--max-tokens", args->options.max_tokens, "Per answer")
        ->check(CLI::Range(size_t{16}, size_t{1} << 16))
        ->capture_default_str();
    command->add_option("--parallel", args->n_parallel, "Answers generated together")->check(CLI::Range(1, 64))->capture_default_str();
    command->add_option("--seed", args->options.seed, "Of sampling (mode agent)")->capture_default_str();
    command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args, name); }; });
    return command;
  };
  add_suite("humaneval", "HumanEval: 164 Python functions, one greedy answer each, graded by hidden tests");
  auto* mbpp = add_suite("mbpp", "MBPP: Python problems; description and first assert are shown, all asserts grade");
  mbpp->add_option("--first-id", args->options.first_id, "Only task ids from here")->capture_default_str();
  mbpp->add_option("--last-id", args->options.last_id, "Only task ids to here; 0: open")->capture_default_str();

  auto* compare_command = eval->add_subcommand("compare", "Two runs of one suite, item by item");
  add_examples(*compare_command, {"eval humaneval --data humaneval.jsonl --out off",
                                  "eval humaneval --data humaneval.jsonl -f coder --out on", "eval compare off on"});
  compare_command->add_option("a", args->a, "Folder or report.json")->required();
  compare_command->add_option("b", args->b, "Folder or report.json")->required();
  compare_command->callback([=, &runtime] { runtime.action = [=, &runtime] { return compare_reports(runtime, *args); }; });
}

}  // namespace aicoder::cli
