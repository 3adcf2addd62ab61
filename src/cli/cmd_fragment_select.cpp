// fragment select: which of several fragments and strengths solves more held-out tasks than the base.
#include "cli/cmd_fragment_select.h"

#include <fmt/format.h>

#include "aicoder/eval.h"
#include "cli/json_format.h"
#include "cli/selection_options.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::vector<std::string> candidates;
  std::string tasks, guard;
  SelectionOptions options;
  size_t n_parallel = 8;
  bool save = false;
};

int run(Runtime& runtime, const Args& args) {
  SelectionOptions options = args.options;
  options.candidates = parse_fragments(args.candidates);
  options.tasks = selection_file(options.suite, args.tasks);
  if (!args.guard.empty()) options.guard = read_text_records(args.guard);
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  Sandbox box;
  auto engine = make_engine(runtime, args.engine, args.n_parallel);
  for (auto& candidate : options.candidates) {
    const auto path = resolve_fragment(candidate.name, engine.model->fingerprint());
    if (!candidate.strength) candidate.strength = inspect_fragment(path).strength;
  }
  const auto selection = select_fragment(*engine.generator, box, options);

  Json trials = Json::array();
  std::string text = fmt::format("{:<28} {:>8} {:>8} {:>12} {:>12}\n", "CANDIDATE", "STRENGTH", "KL", "PASSED", "BASE");
  for (const auto& t : selection.trials) {
    const auto& candidate = options.candidates[t.candidate];
    trials.push_back({{"fragment", candidate.name},
                      {"strength", decimal(*candidate.strength)},
                      {"kl", t.kl},
                      {"in_bound", t.in_bound},
                      {"n", t.n},
                      {"passed", t.passed},
                      {"base_passed", t.base_passed}});
    text += fmt::format("{:<28} {:>8} {:>8.4f} {:>12} {:>12}{}\n", candidate.name, *candidate.strength, t.kl,
                        fmt::format("{} of {}", t.passed, t.n), t.base_passed, t.in_bound ? "" : "  beyond the KL bound");
  }
  Json winner;
  if (selection.winner) {
    const auto& chosen = options.candidates[*selection.winner];
    winner = {{"fragment", chosen.name}, {"strength", decimal(*chosen.strength)}, {"p_value", selection.evidence.p_value}};
    text += fmt::format("chosen: {} at {} (paired p = {:.3g}, on the tasks it was chosen on)\n", chosen.name, *chosen.strength,
                        selection.evidence.p_value);
    if (args.save) {
      const auto path = resolve_fragment(chosen.name, engine.model->fingerprint());
      auto evidence = inspect_fragment(path).evidence;
      std::erase_if(evidence,
                    [&](const Evidence& e) { return e.suite == selection.evidence.suite && e.strength == selection.evidence.strength; });
      evidence.push_back(selection.evidence);
      update_fragment(path, *chosen.strength, evidence);
      text += "its strength and this evidence are in the file\n";
    }
  } else {
    text += "none beats the base: keep it without a fragment\n";
  }
  return runtime.finish({{"winner", winner}, {"trials", trials}, {"rounds", selection.rounds}}, text);
}

}  // namespace

void add_fragment_select(CLI::App& fragment, Runtime& runtime) {
  auto* command =
      fragment.add_subcommand("select", "Which fragment and strength solves more held-out tasks than the base; the base wins ties");
  add_examples(*command, {"fragment select coder:0.05 coder:0.15 coder-search --guard english.txt --save"});
  const auto args = std::make_shared<Args>();
  command->add_option("candidates", args->candidates, "NAME:STRENGTH, several")->required();
  add_engine_options(*command, args->engine, runtime);
  command->remove_option(command->get_option("--fragment"));
  command->add_option("--tasks", args->tasks,
                      "MBPP rows with ids of 601 and above, or rows that say \"use\": \"select\"; default: the shipped ones");
  add_task_suite(*command, args->options.suite);
  command->add_option("--guard", args->guard, "Unrelated text; candidates that change what comes there do not take part");
  command->add_option("--max-kl", args->options.max_kl, "Mean KL to the base there, in nats a token")
      ->check(CLI::Range(1e-6, 10.0))
      ->capture_default_str();
  command->add_option("--first-tasks", args->options.first_tasks, "Of the first round; the better half goes on with twice as many")
      ->check(CLI::Range(size_t{1}, size_t{1000}))
      ->capture_default_str();
  command->add_option("--max-tasks", args->options.max_tasks, "Of the last round; 0: all")->capture_default_str();
  command->add_option("--max-tokens", args->options.max_tokens, "Per answer")
      ->check(CLI::Range(size_t{16}, size_t{1} << 16))
      ->capture_default_str();
  command->add_option("--parallel", args->n_parallel, "Answers generated together")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_flag("--save", args->save, "Write strength and evidence into the chosen file");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
