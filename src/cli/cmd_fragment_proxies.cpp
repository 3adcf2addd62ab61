// fragment proxies: does a cheap measure of a fragment foretell whether it solves more tasks?
#include "cli/cmd_fragment_proxies.h"

#include <fmt/format.h>

#include "aicoder/eval.h"
#include "cli/calibration.h"
#include "cli/json_format.h"
#include "cli/selection_options.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::vector<std::string> candidates, texts, guard;
  std::string tasks, out_dir;
  ProxyOptions options;
  size_t n_parallel = 8;
};

std::string command_line(const Args& a, const ProxyOptions& o) {
  return fmt::format(
      "aicoder fragment proxies {} -m {} --task-suite {} --tasks {} --n-tasks {} --text {} --guard {} --text-tokens {} --out {}",
      fmt::join(a.candidates, " "), a.engine.model, o.suite, o.tasks.string(), o.n_tasks, fmt::join(a.texts, " "), fmt::join(a.guard, " "),
      o.text_tokens, a.out_dir);
}

Json to_json(const Correlation& c) { return {{"n", c.n}, {"rho", c.rho}, {"ci95", c.ci95}, {"p_value", c.p_value}}; }

int run(Runtime& runtime, const Args& args) {
  ProxyOptions options = args.options;
  options.candidates = parse_fragments(args.candidates);
  options.tasks = selection_file(options.suite, args.tasks);
  options.texts = {args.texts.begin(), args.texts.end()};
  options.guard = read_all_records(args.guard);
  options.out_dir = args.out_dir;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  Sandbox box;
  auto engine = make_engine(runtime, args.engine, args.n_parallel);
  options.model_fingerprint = engine.model->fingerprint();
  for (auto& candidate : options.candidates) {
    candidate.name = resolve_fragment(candidate.name, engine.model->fingerprint()).string();
    if (!candidate.strength) candidate.strength = inspect_fragment(candidate.name).strength;
  }
  const auto study = run_proxy_study(*engine.generator, box, options);
  const auto page = options.out_dir / "report.html";
  write_file_atomic(page, proxy_page(study, command_line(args, options)));

  Json points = Json::array(), correlations = Json::object();
  std::string text = fmt::format("{:<28} {:>8} {:>12} {:>6} {:>8}\n", "FRAGMENT", "STRENGTH", "PASSED", "BASE", "POINTS");
  for (const auto& p : study.points) {
    const std::string name = std::filesystem::path(p.candidate.name).stem().string();
    points.push_back({{"fragment", name},
                      {"recipe", p.recipe},
                      {"rank", p.rank},
                      {"strength", decimal(*p.candidate.strength)},
                      {"retained_energy", p.retained_energy},
                      {"kl", p.kl},
                      {"loss_changes", p.loss_changes},
                      {"n", p.n},
                      {"passed", p.passed},
                      {"base_passed", p.base_passed},
                      {"gain", p.gain},
                      {"gain_ci95", p.gain_ci95},
                      {"p_mcnemar", p.p_mcnemar}});
    text += fmt::format("{:<28} {:>8} {:>12} {:>6} {:>+8.1f}\n", name, *p.candidate.strength, fmt::format("{} of {}", p.passed, p.n),
                        p.base_passed, p.gain * 100);
  }
  for (const auto& [name, c] : study.correlations) {
    correlations[name] = to_json(c);
    text += fmt::format("{}: Spearman {:+.2f} (95 % {:+.2f} to {:+.2f}), p = {:.2g}, n = {}\n", name, c.rho, c.ci95[0], c.ci95[1],
                        c.p_value, c.n);
  }
  text += "the page with plots: " + page.string() + "\n";
  return runtime.finish({{"model", study.model}, {"page", page.string()}, {"points", points}, {"correlations", correlations}}, text);
}

}  // namespace

void add_fragment_proxies(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("proxies", "Does a cheap measure (loss, KL, energy) foretell which fragment solves more tasks?");
  add_examples(*command,
               {"fragment proxies coder:0.05 coder:0.15 coder:0.3 coder-search --text own.jsonl --guard english.txt --out proxies"});
  const auto args = std::make_shared<Args>();
  command->add_option("candidates", args->candidates, "NAME:STRENGTH, at least four")->required();
  add_model_option(*command, args->engine, runtime);
  args->engine.n_ctx = 2048;
  command->add_option("--tasks", args->tasks,
                      "MBPP rows with ids of 601 and above, or rows that say \"use\": \"select\"; default: the shipped ones");
  add_task_suite(*command, args->options.suite);
  command->add_option("--n-tasks", args->options.n_tasks, "How many of them; 0: all")->capture_default_str();
  command->add_option("--text", args->texts, "Text whose loss is a measure (.txt, .jsonl, .gz); may be repeated");
  command->add_option("--guard", args->guard, "Unrelated text, for the KL to the base");
  command->add_option("--text-tokens", args->options.text_tokens, "Of each text; 0: all")->capture_default_str();
  command->add_option("--max-tokens", args->options.max_tokens, "Per answer")
      ->check(CLI::Range(size_t{16}, size_t{1} << 16))
      ->capture_default_str();
  command->add_option("--parallel", args->n_parallel, "Answers generated together")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_option("-o,--out", args->out_dir, "Folder; the same one resumes")->required();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
