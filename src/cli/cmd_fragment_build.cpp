#include "cli/cmd_fragment_build.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "aicoder/eval.h"
#include "cli/calibration.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::string name, role, preset, recipe = "contrast", strength = "auto", out, tasks;
  std::vector<std::string> calib, general;
  double keep = 0.2;
  size_t rank = 16, max_tokens = 30000, n_tasks = 40, seed = 0;
  bool recapture = false;
};

std::optional<float> fixed_strength(const std::string& text) {
  if (text == "auto") return std::nullopt;
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw Error(ErrorCode::kInvalidArgument, "[fragment build] --strength is '" + text + "', expected auto or a number");
  }
  return value;
}

/// Mean NLL on the first tokens of the calibration text; nothing when only statistics were given.
std::optional<double> calibration_loss(Runtime& runtime, LocalGenerator& generator, std::span<const FragmentChoice> fragments,
                                       const std::vector<std::string>& files) {
  constexpr size_t kTokens = 2048;
  for (const auto& file : files) {
    if (is_statistics(file)) continue;
    return perplexity(generator.lane(fragments), read_text_records(file), 512, kTokens, runtime.progress(), runtime.interrupt.token()).nll;
  }
  return std::nullopt;
}

int run(Runtime& runtime, Args args) {
  const auto recipe = parse_recipe(args.recipe);
  const auto strength = fixed_strength(args.strength);
  std::unique_ptr<Sandbox> box;
  if (!strength) box = std::make_unique<Sandbox>();
  auto engine = make_engine(runtime, args.engine, 8);
  const auto& model = engine.model;
  if (!args.preset.empty()) {
    if (args.name.empty()) args.name = args.preset;
    if (args.role.empty()) args.role = args.preset;
    if (args.calib.empty()) args.calib = {shipped_calibration(*model, args.preset, args.recapture)};
    if (args.general.empty() && recipe == Recipe::kContrast) args.general = {shipped_calibration(*model, "general", args.recapture)};
  }
  if (args.name.empty()) throw Error(ErrorCode::kInvalidArgument, "[fragment build] no name", "give --name NAME or --preset coder");
  if (args.name.find('/') != std::string::npos)
    throw Error(ErrorCode::kInvalidArgument, "[fragment build] a name holds no '/'; use -o for a path");
  const bool needs_task = recipe == Recipe::kWanda || recipe == Recipe::kContrast;
  if (needs_task && args.calib.empty())
    throw Error(ErrorCode::kInvalidArgument, "[fragment build] no calibration text", "give --calib FILE or --preset coder");
  if (recipe == Recipe::kContrast && args.general.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[fragment build] contrast needs --general FILE: text that the skill should differ from",
                "add --general FILE, or use --preset");
  }
  const std::filesystem::path out =
      args.out.empty() ? fragments_dir() / model->path().stem() / (args.name + ".gguf") : std::filesystem::path(args.out);
  if (out.has_parent_path()) std::filesystem::create_directories(out.parent_path());

  ActivationStats task, general;
  if (!args.calib.empty()) task = gather_statistics(runtime, model, args.calib, args.max_tokens, args.engine.n_threads);
  if (!args.general.empty()) general = gather_statistics(runtime, model, args.general, args.max_tokens, args.engine.n_threads);
  FragmentSpec spec{.name = args.name,
                    .role = args.role,
                    .recipe = recipe,
                    .keep = args.keep,
                    .rank = args.rank,
                    .strength = strength.value_or(0.0f),
                    .seed = args.seed,
                    .task = args.calib.empty() ? nullptr : &task,
                    .general = args.general.empty() ? nullptr : &general,
                    .progress = runtime.progress(),
                    .stop = runtime.interrupt.token()};
  const auto built = build_fragment(*model, spec, out);

  StrengthChoice choice;
  choice.strength = strength.value_or(0.0f);
  if (!strength) {
    StrengthOptions options;
    options.mbpp = args.tasks.empty() ? (share_dir() / "tasks" / "mbpp_select.jsonl").string() : args.tasks;
    options.n_tasks = args.n_tasks;
    options.model_fingerprint = model->fingerprint();
    options.progress = runtime.progress();
    options.stop = runtime.interrupt.token();
    choice = select_strength(*engine.generator, *box, built.path, options);
    update_fragment(built.path, choice.strength, {choice.evidence});
  }
  const FragmentChoice on{built.path.string(), choice.strength};
  const auto loss_off = calibration_loss(runtime, *engine.generator, {}, args.calib);
  const auto loss_on = calibration_loss(runtime, *engine.generator, std::span(&on, 1), args.calib);

  Json trials = Json::array();
  std::string text =
      fmt::format("{}: {}, {} tensors, energy kept {:.1f} % on average, {}, {}\n", out.string(), args.recipe, built.tensors.size(),
                  built.retained_energy * 100, human_bytes(static_cast<double>(built.bytes)), human_seconds(built.seconds));
  for (const auto& trial : choice.trials) {
    trials.push_back({{"strength", decimal(trial.strength)}, {"passed", trial.passed}, {"n", trial.n}});
    text += fmt::format("  strength {:<5} {} of {} held-out tasks\n", trial.strength, trial.passed, trial.n);
  }
  if (!strength) {
    text += choice.strength == 0.0f ? "no strength beat the base on held-out tasks: kept at 0, not used by default\n"
                                    : fmt::format("strength {} chosen (paired p = {:.3g})\n", choice.strength, choice.evidence.p_value);
  }
  return runtime.finish({{"path", out.string()},
                         {"bytes", built.bytes},
                         {"seconds", built.seconds},
                         {"strength", decimal(choice.strength)},
                         {"calib_loss_off", loss_off ? Json(*loss_off) : Json()},
                         {"calib_loss_on", loss_on ? Json(*loss_on) : Json()},
                         {"retained_energy", built.retained_energy},
                         {"trials", trials}},
                        text);
}

}  // namespace

void add_fragment_build(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("build", "Make a fragment from calibration text, by forward passes only");
  add_examples(*command, {"fragment build --preset coder --tasks mbpp.jsonl",
                          "fragment build -n sql --calib sql.jsonl --general english.txt --rank 64 --strength 0.1"});
  const auto args = std::make_shared<Args>();
  add_engine_options(*command, args->engine, runtime);
  args->engine.n_ctx = 2048;
  command->remove_option(command->get_option("--context"));
  command->remove_option(command->get_option("--fragment"));
  command->add_option("-n,--name", args->name, "Its name");
  command->add_option("--role", args->role, "coder, debugger, security, math, korean or your own");
  command->add_option("--preset", args->preset, "coder, debugger, security or math: name, role and shipped calibration in one");
  command->add_option("--calib", args->calib, "Text of the skill (.txt, .jsonl, .gz), or activation statistics (imatrix .gguf)");
  command->add_option("--general", args->general, "The same for general text (recipe contrast)");
  command->add_option("--recipe", args->recipe, "wanda, contrast, magnitude or random")->capture_default_str();
  command->add_option("--keep", args->keep, "Share of the weights of each output row")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  command->add_option("--rank", args->rank, "Of the low-rank factors")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--strength", args->strength, "A number, or auto: chosen by verified success on held-out tasks, 0 wins ties")
      ->capture_default_str();
  command->add_option("--tasks", args->tasks, "Held-out MBPP tasks for auto (ids 601 and above)");
  command->add_option("--n-tasks", args->n_tasks, "How many of them")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--max-tokens", args->max_tokens, "Calibration tokens a set; 0: all")->capture_default_str();
  command->add_option("--seed", args->seed, "Of the random recipe and the range finder")->capture_default_str();
  command->add_flag("--recapture", args->recapture, "With --preset: capture again from the shipped text instead of the shipped statistics");
  command->add_option("-o,--out", args->out, "File; default: the fragment folder of this base");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
