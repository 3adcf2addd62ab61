// learn: the next fragment from the model's own verified work.
#include <fmt/format.h>

#include "aicoder/learn.h"
#include "cli/calibration.h"
#include "cli/json_format.h"
#include "cli/runtime.h"
#include "cli/selection_options.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  LearnOptions options;
  std::string tasks, work, out, regularizer = "none";
  std::vector<std::string> general;
  size_t n_parallel = 8;
  bool rollback = false;
};

std::string report_text(const LearnResult& r) {
  std::string text = fmt::format("{} answers to {} tasks: {} verified, {} kept\n", r.sampled, r.tasks, r.verified, r.kept);
  text += fmt::format("tuned {} steps, {} tokens in {}: loss {:.4f} to {:.4f}\n", r.train.steps, r.train.tokens,
                      human_seconds(r.train.seconds), r.train.first_loss, r.train.train_loss);
  text += fmt::format("held-out tasks: {} of {} before, {} after ({} lost, {} won)\n", r.before.passed, r.comparison.n, r.after.passed,
                      r.comparison.only_a, r.comparison.only_b);
  for (const GateCheck& c : r.checks)
    text += fmt::format("  {} {}: {}; expected {}\n", c.passed ? "ok  " : "FAIL", c.name, c.found, c.expected);
  text += r.deployed ? fmt::format("deployed: {}\n", r.path.string())
                     : fmt::format("not deployed; the fragment stays at {}\n", r.path.string());
  return text;
}

Json to_json(const LearnResult& r) {
  Json checks = Json::array();
  for (const GateCheck& c : r.checks)
    checks.push_back({{"name", c.name}, {"passed", c.passed}, {"found", c.found}, {"expected", c.expected}});
  const auto side = [](const EvalReport& e) { return Json{{"passed", e.passed}, {"n", e.n}, {"score", e.score}}; };
  return {{"tasks", r.tasks},
          {"held_out", r.held_out},
          {"sampled", r.sampled},
          {"verified", r.verified},
          {"kept", r.kept},
          {"steps", r.train.steps},
          {"train_loss", r.train.train_loss},
          {"general_loss_before", r.train.general_loss_before},
          {"general_loss", r.train.general_loss},
          {"before", side(r.before)},
          {"after", side(r.after)},
          {"p_mcnemar", r.comparison.p_mcnemar},
          {"ci95", r.comparison.ci95},
          {"checks", checks},
          {"deployed", r.deployed},
          {"path", r.path.string()}};
}

int run(Runtime& runtime, Args args) {
  LearnOptions& options = args.options;
  if (options.name.empty()) throw Error(ErrorCode::kInvalidArgument, "[learn] no name", "give --name NAME");
  const auto model_path = ModelStore().resolve(args.engine.model);
  options.out = args.out.empty() ? fragments_dir() / model_path.stem() / (options.name + ".gguf") : std::filesystem::path(args.out);
  if (args.rollback) {
    const bool earlier = roll_back(options.out);
    return runtime.finish({{"path", options.out.string()}, {"earlier", earlier}},
                          earlier ? fmt::format("the fragment before is back at {}\n", options.out.string())
                                  : fmt::format("{} is taken away: there was none before\n", options.out.string()));
  }
  options.tasks = selection_file(options.suite, args.tasks);
  options.work_dir = args.work.empty() ? std::filesystem::path("learn-" + options.name) : std::filesystem::path(args.work);
  options.train.regularizer = parse_regularizer(args.regularizer);
  options.general = read_all_records(args.general);
  options.train.replay = options.train.replay_share > 0 ? options.general : std::vector<TextRecord>{};
  options.train.n_threads = args.engine.n_threads;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  Sandbox box;
  auto engine = make_engine(runtime, args.engine, args.n_parallel);
  options.model_fingerprint = engine.model->fingerprint();
  const auto result = learn(engine.model, *engine.generator, box, options);
  return runtime.finish(to_json(result), report_text(result), result.deployed ? kExitOk : kExitFailed);
}

}  // namespace

void add_learn(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("learn", "Make the next fragment from verified work: sample, check, tune, measure, deploy or refuse");
  add_examples(*command,
               {"learn --name coder-own --general english.txt",
                "learn --name math-own --task-suite gsm8k --samples 8 --general english.txt", "learn --name coder-own --rollback"});
  const auto args = std::make_shared<Args>();
  LearnOptions& o = args->options;
  add_engine_options(*command, args->engine, runtime);
  command->remove_option(command->get_option("--fragment"));
  command->add_option("-n,--name", o.name, "Of the fragment")->required();
  command->add_option("--role", o.role, "coder, debugger, security, math, korean or your own")->capture_default_str();
  command->add_option("--task-suite", o.suite, "Suite of the tasks: mbpp or gsm8k")
      ->check(CLI::IsMember({"mbpp", "gsm8k"}))
      ->capture_default_str();
  command->add_option("--tasks", args->tasks,
                      "MBPP rows with ids of 601 and above, or rows that say \"use\": \"select\"; default: the shipped ones");
  command->add_option("--held-out-share", o.held_out_share, "Of the tasks: they judge, and are neither sampled nor trained on")
      ->check(CLI::Range(0.01, 0.9))
      ->capture_default_str();
  command->add_option("--samples", o.n_samples, "Answers to each task: the first greedy, the others drawn")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--temperature", o.temperature, "Of those that are drawn")->check(CLI::Range(0.01, 5.0))->capture_default_str();
  command->add_option("--keep", o.per_task, "Shortest different passing answers kept of each task")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--max-tokens", o.max_tokens, "Per answer")->check(CLI::Range(16, 1 << 16))->capture_default_str();
  command->add_option("--general", args->general, "Text whose loss must not rise; without it nothing is deployed");
  command->add_option("--replay-share", o.train.replay_share, "Of the tokens: general text mixed into training")
      ->check(CLI::Range(0.0, 0.9));
  command->add_option("--reg", args->regularizer, "none, l2, ewc or hierarchical")->capture_default_str();
  command->add_option("--reg-strength", o.train.regularizer_strength, "Of the regularizer");
  command->add_option("--rank", o.train.rank, "Of the factors")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--rate", o.train.rate, "Largest learning rate")->capture_default_str();
  command->add_option("--epochs", o.train.epochs, "Passes over the kept answers")->capture_default_str();
  command->add_option("--max-rise", o.max_general_rise, "Of the general loss that is let through, as a share")->capture_default_str();
  command->add_option("--max-p", o.max_p, "Of the gain on the held-out tasks")->capture_default_str();
  command->add_option("--parallel", args->n_parallel, "Answers generated together")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_option("--work", args->work, "Folder of what is made on the way; the same one goes on. Default: learn-NAME");
  command->add_flag("--rollback", args->rollback, "Take back what was deployed last under this name");
  command->add_option("-o,--out", args->out, "Where it is deployed; default: the fragment folder of this base");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
