// eval SUITE, eval compare.
#include <fmt/format.h>

#include <array>

#include "aicoder/engine.h"
#include "aicoder/eval.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  EvalOptions options;
  std::string data, mode = "direct", convention = "qwen", out_dir, shots_data, bandit;
  size_t n_parallel = 8;
};

std::string report_text(const EvalReport& report) {
  std::string text = fmt::format("{} on {}: {} of {} passed = {:.1f} % (95 % interval {:.1f} to {:.1f}), {} tokens, {}", report.suite,
                                 report.model, report.passed, report.n, report.score * 100, report.ci95[0] * 100, report.ci95[1] * 100,
                                 report.tokens, human_seconds(report.seconds));
  for (const auto& [name, count] : report.counts) text += fmt::format("\n  {:<12} {}", name, count);
  for (const auto& row : report.left_out) text += "\nleft out: " + row;
  if (report.resumed > 0) text += fmt::format("\n{} items were already done", report.resumed);
  return text;
}

/// One that several agents ask at once, so that their answers share decodes.
std::unique_ptr<aicoder::Engine> live_engine(const std::shared_ptr<const Model>& model, const Args& args) {
  EngineOptions options;
  options.lanes.context.n_ctx_seq = std::min(args.engine.n_ctx, model->n_ctx_train());
  options.lanes.context.n_seq_max = args.n_parallel;
  options.lanes.context.n_threads = args.engine.n_threads;
  return std::make_unique<aicoder::Engine>(model, options,
                                           [base = model->fingerprint()](std::string_view name) { return resolve_fragment(name, base); });
}

int run(Runtime& runtime, Args& args, const std::string& suite) {
  EvalOptions options = args.options;
  options.suite = suite;
  options.data = args.data;
  options.out_dir = args.out_dir;
  options.shots_data = args.shots_data;
  options.bandit = args.bandit;
  options.mode = parse_mode(args.mode);
  options.convention = parse_convention(args.convention);
  options.fragments = parse_fragments(args.engine.fragments);
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  options.agent.limits = runtime.config.limits;
  check_suite(options);  // before the model is loaded, and the sandbox too: without them nothing can be graded
  Sandbox box;
  auto engine = make_engine(runtime, args.engine, args.n_parallel);
  options.model_fingerprint = engine.model->fingerprint();
  for (const auto& f : options.fragments)
    options.fragment_hashes.push_back(fragment_tensor_hash(resolve_fragment(f.name, options.model_fingerprint)));
  std::unique_ptr<aicoder::Engine> live;
  if (options.mode != Mode::kDirect && !args.engine.deterministic && args.n_parallel > 1) {
    live = live_engine(engine.model, args);
    options.n_agents = args.n_parallel;
    options.agent_generator = [&live] { return live->generator(Priority::kBatch); };
  }
  const auto report = run_suite(*engine.generator, box, options);
  return runtime.finish(to_json(report), report_text(report));
}

int compare_reports(Runtime& runtime, const std::string& a, const std::string& b) {
  const auto c = compare(read_report(a), read_report(b));
  return runtime.finish(to_json(c), fmt::format("n {}: both {}, only A {}, only B {}, neither {}\n"
                                                "B - A = {:+.1f} points (95 % interval {:+.1f} to {:+.1f}), exact McNemar p = {:.3g}\n"
                                                "so many pairs show a difference of {:.1f} points (power 80 %)\n",
                                                c.n, c.both, c.only_a, c.only_b, c.neither, c.delta * 100, c.ci95[0] * 100, c.ci95[1] * 100,
                                                c.p_mcnemar, c.detectable * 100));
}

/// The options that every suite has.
std::shared_ptr<Args> add_suite(CLI::App& eval, Runtime& runtime, const char* name, const char* about, size_t max_tokens = 768) {
  auto args = std::make_shared<Args>();
  args->options.max_tokens = max_tokens;
  args->options.agent.n_candidates = runtime.config.n_candidates;
  args->options.agent.max_repairs = runtime.config.max_repairs;
  auto* command = eval.add_subcommand(name, about);
  add_engine_options(*command, args->engine, runtime);
  command->add_option("--data", args->data, "JSONL of the suite, also .gz; default: SUITE.jsonl in the data folder");
  command->add_option("--limit", args->options.limit, "First N items; 0: all")->capture_default_str();
  command->add_option("--out", args->out_dir, "Folder for raw outputs; run again with the same folder to resume");
  command->add_option("--max-tokens", args->options.max_tokens, "Per answer")
      ->check(CLI::Range(size_t{16}, size_t{1} << 16))
      ->capture_default_str();
  command->add_option("--parallel", args->n_parallel, "Answers generated together; in mode agent also tasks at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--seed", args->options.seed, "Of sampling (mode agent)")->capture_default_str();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args, name); }; });
  return args;
}

void add_mode(CLI::App& command, Args& args) {
  command.add_option("--mode", args.mode, "direct, or agent (sees only what the prompt shows)")
      ->check(CLI::IsMember({"direct", "agent"}))
      ->capture_default_str();
}

void add_convention(CLI::App& command, Args& args) {
  command.add_option("--convention", args.convention, "Prompt of EvalPlus, or of the Qwen2.5-Coder report")
      ->check(CLI::IsMember({"evalplus", "qwen"}))
      ->capture_default_str();
}

void add_code_suites(CLI::App& eval, Runtime& runtime) {
  const auto humaneval =
      add_suite(eval, runtime, "humaneval", "HumanEval: 164 Python functions, one greedy answer each, graded by hidden tests");
  add_mode(*eval.get_subcommand("humaneval"), *humaneval);
  add_convention(*eval.get_subcommand("humaneval"), *humaneval);

  const auto mbpp = add_suite(eval, runtime, "mbpp", "MBPP: Python problems; description and first assert are shown, all asserts grade");
  auto* command = eval.get_subcommand("mbpp");
  add_mode(*command, *mbpp);
  add_convention(*command, *mbpp);
  command->add_option("--first-id", mbpp->options.first_id, "Only task ids from here")->capture_default_str();
  command->add_option("--last-id", mbpp->options.last_id, "Only task ids to here; 0: open")->capture_default_str();

  const auto quixbugs =
      add_suite(eval, runtime, "quixbugs", "QuixBugs: repair 40 Python programs of one bug each; half of the cases are shown, all grade");
  add_mode(*eval.get_subcommand("quixbugs"), *quixbugs);
}

void add_gsm8k(CLI::App& eval, Runtime& runtime) {
  const auto args =
      add_suite(eval, runtime, "gsm8k", "GSM8K: word problems; passed is the right last number, strict the right one after \"#### \"", 400);
  auto* command = eval.get_subcommand("gsm8k");
  add_mode(*command, *args);
  add_examples(*command, {"eval gsm8k --data test.jsonl --out off",
                          "eval gsm8k --data test.jsonl --shots 4 --shots-data train.jsonl.gz -f maths --out on"});
  command->add_option("--shots", args->options.n_shots, "Worked examples before each question")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command->add_option("--shots-data", args->shots_data, "Where they come from: its first rows, none of which may be a task");
}

void add_security(CLI::App& eval, Runtime& runtime) {
  const auto args = add_suite(eval, runtime, "security",
                              "SecurityEval: complete Python programs, passed is no finding of bandit of severity MEDIUM or above; CWEval: "
                              "passed is the row's tests of function and security");
  auto* command = eval.get_subcommand("security");
  add_examples(*command, {"eval security --data securityeval.jsonl --out off", "eval security --data cweval.jsonl"});
  command->add_option("--bandit", args->bandit, "The analyzer; default: bandit on PATH, else the one of scripts/setup/python.sh bandit");
}

struct PowerArgs {
  double effect = 0.03, discordant = 0.12, power = 0.8;
  size_t n = 0;
};

int show_power(Runtime& runtime, const PowerArgs& args) {
  const bool asks_effect = args.n > 0;
  const double effect = asks_effect ? detectable_effect(args.n, args.discordant, args.power) : args.effect;
  const size_t n = asks_effect ? args.n : paired_sample_size(args.effect, args.discordant, args.power);
  return runtime.finish({{"n", n}, {"effect", effect}, {"discordant", args.discordant}, {"power", args.power}},
                        effect >= 1
                            ? fmt::format("{} pairs of which {:.0f} % differ can show no difference\n", n, args.discordant * 100)
                            : fmt::format("{} pairs show a difference of {:.1f} points (power {:.0f} %, p < 0.05) where {:.0f} % of them "
                                          "differ\n",
                                          n, effect * 100, args.power * 100, args.discordant * 100));
}

void add_power(CLI::App& eval, Runtime& runtime) {
  auto* command = eval.add_subcommand("power", "How many tasks a comparison needs, or with --n what so many can show");
  add_examples(*command, {"eval power --effect 0.03 --discordant 0.12", "eval power --n 164 --discordant 0.12"});
  const auto args = std::make_shared<PowerArgs>();
  command->add_option("--effect", args->effect, "Difference of the two scores, as a fraction")
      ->check(CLI::Range(0.0001, 1.0))
      ->capture_default_str();
  command->add_option("--discordant", args->discordant, "Share of the tasks that one of the two solves and the other does not")
      ->check(CLI::Range(0.0001, 1.0))
      ->capture_default_str();
  command->add_option("--power", args->power, "Chance to find it where it is there")->check(CLI::Range(0.5, 0.999))->capture_default_str();
  command->add_option("--n", args->n, "Tasks at hand");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return show_power(runtime, *args); }; });
}

}  // namespace

void add_eval(CLI::App& app, Runtime& runtime) {
  auto* eval = app.add_subcommand("eval", "Measure: suites with hidden tests graded in the sandbox, and paired comparison");
  eval->require_subcommand(1);
  add_code_suites(*eval, runtime);
  add_gsm8k(*eval, runtime);
  add_security(*eval, runtime);
  add_power(*eval, runtime);

  auto* compare_command = eval->add_subcommand("compare", "Two runs of one suite, item by item");
  add_examples(*compare_command, {"eval humaneval --data humaneval.jsonl --out off",
                                  "eval humaneval --data humaneval.jsonl -f coder --out on", "eval compare off on"});
  const auto paths = std::make_shared<std::array<std::string, 2>>();
  compare_command->add_option("a", (*paths)[0], "Folder or report.json")->required();
  compare_command->add_option("b", (*paths)[1], "Folder or report.json")->required();
  compare_command->callback(
      [=, &runtime] { runtime.action = [=, &runtime] { return compare_reports(runtime, (*paths)[0], (*paths)[1]); }; });
}

}  // namespace aicoder::cli
