#include "cli/cmd_fragment_build.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "aicoder/eval.h"
#include "cli/calibration.h"
#include "cli/json_format.h"
#include "cli/selection_options.h"

namespace aicoder::cli {
namespace {

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

/// "8-15", or "12". Empty: the recipe's own choice.
LayerRange parse_layers(const std::string& text) {
  LayerRange range;
  if (text.empty()) return range;
  const char* end = text.data() + text.size();
  auto first = std::from_chars(text.data(), end, range.first);
  range.last = range.first;
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '-') first = std::from_chars(first.ptr + 1, end, range.last);
  if (first.ec != std::errc() || first.ptr != end || range.first == 0) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[fragment build] --layers is '{}', expected a layer or a range from 1 on", text),
                "--layers 8-15");
  }
  return range;
}

std::vector<TextRecord> records_of(const std::vector<std::string>& files) {
  for (const auto& file : files) {
    if (is_statistics(file)) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[fragment build] this recipe reads text, and {} holds statistics", file),
                  "give --calib a .jsonl with prompts and answers");
    }
  }
  return read_all_records(files);
}

/// The suite whose tasks choose the strength of a role's fragment.
std::string suite_of_role(const std::string& role) {
  if (role == "security") return "security";
  if (role == "math") return "gsm8k";
  return "mbpp";
}

}  // namespace

BuiltFragment build(Runtime& runtime, BuildArgs args) {
  const auto recipe = parse_recipe(args.recipe);
  const auto needs = recipe_needs(recipe);
  const auto strength = fixed_strength(args.strength);
  std::unique_ptr<Sandbox> box;
  if (!strength) box = std::make_unique<Sandbox>();
  auto engine = make_engine(runtime, args.engine, 8);
  const auto& model = engine.model;
  // What ships has no second moments, and is no text.
  const bool recapture = args.recapture || needs.second_moments || needs.prompt;
  const size_t sketch_size = needs.second_moments ? std::max<size_t>(kSketchSize, 2 * args.rank) : 0;
  if (!args.preset.empty()) {
    if (args.name.empty()) args.name = args.preset;
    if (args.role.empty()) args.role = args.preset;
    if (args.calib.empty()) args.calib = {shipped_calibration(*model, args.preset, recapture)};
    if (args.general.empty() && needs.general) args.general = {shipped_calibration(*model, "general", recapture)};
  }
  if (args.name.empty()) throw Error(ErrorCode::kInvalidArgument, "[fragment build] no name", "give --name NAME or --preset coder");
  if (args.name.find('/') != std::string::npos)
    throw Error(ErrorCode::kInvalidArgument, "[fragment build] a name holds no '/'; use -o for a path");
  if ((needs.task || needs.prompt) && args.calib.empty())
    throw Error(ErrorCode::kInvalidArgument, "[fragment build] no calibration text", "give --calib FILE or --preset coder");
  if (needs.general && args.general.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[fragment build] {} needs --general FILE: text that the skill should differ from", args.recipe),
                "add --general FILE, or use --preset");
  }
  if (needs.donor == args.donor.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                needs.donor ? "[fragment build] donor needs --donor FILE: a model tuned from the same base"
                            : fmt::format("[fragment build] recipe {} takes no --donor", args.recipe),
                needs.donor ? "add --donor FILE" : "--recipe donor");
  }
  const bool two_sets = needs.vectors && !args.against_calib.empty();
  if (!two_sets && needs.prompt == args.prompt.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                needs.prompt ? fmt::format("[fragment build] {} needs --prompt: the text that is to act without being there", args.recipe)
                             : fmt::format("[fragment build] recipe {} takes no --prompt", args.recipe),
                needs.prompt ? "add --prompt TEXT" : "--recipe distill");
  }
  if (!needs.vectors && !(args.against.empty() && args.layers.empty() && args.against_calib.empty())) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[fragment build] recipe {} takes no --against, --against-calib, --layers", args.recipe), "--recipe steer");
  }
  std::optional<GgufFile> donor;
  if (needs.donor) donor = GgufFile::open(args.donor);
  const std::filesystem::path out =
      args.out.empty() ? fragments_dir() / model->path().stem() / (args.name + ".gguf") : std::filesystem::path(args.out);
  if (out.has_parent_path()) std::filesystem::create_directories(out.parent_path());

  ActivationStats task, general;
  const PromptPairs pairs{.model = model,
                          .records = needs.prompt ? records_of(args.calib) : std::vector<TextRecord>{},
                          .prompt = needs.prompt ? text_or_file(args.prompt) : std::string{},
                          .against = text_or_file(args.against),
                          .opposite = records_of(args.against_calib),
                          .max_tokens = args.pair_tokens,
                          .ridge = args.ridge};
  const bool with_task = !args.calib.empty() && !needs.prompt;
  if (with_task) task = gather_statistics(runtime, model, args.calib, args.max_tokens, args.engine.n_threads, sketch_size);
  if (!args.general.empty()) general = gather_statistics(runtime, model, args.general, args.max_tokens, args.engine.n_threads, sketch_size);
  FragmentSpec spec{.name = args.name,
                    .role = args.role,
                    .recipe = recipe,
                    .keep = args.keep,
                    .rank = args.rank,
                    .strength = strength.value_or(0.0f),
                    .seed = args.seed,
                    .n_threads = args.engine.n_threads,
                    .task = with_task ? &task : nullptr,
                    .general = args.general.empty() ? nullptr : &general,
                    .donor = donor ? &*donor : nullptr,
                    .pairs = needs.prompt ? &pairs : nullptr,
                    .layers = parse_layers(args.layers),
                    .progress = runtime.progress(),
                    .stop = runtime.interrupt.token()};
  const auto built = build_fragment(*model, spec, out);

  StrengthChoice choice;
  choice.strength = strength.value_or(0.0f);
  if (!strength) {
    StrengthOptions options;
    options.suite = !args.task_suite.empty() ? args.task_suite : suite_of_role(args.role);
    options.tasks = selection_file(options.suite, args.tasks);
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

  Json trials = Json::array(), vectors = Json::array();
  const std::string made =
      needs.vectors ? fmt::format("control vectors after {} layers", built.vectors.size())
                    : fmt::format("{} tensors, energy kept {:.1f} % on average", built.tensors.size(), built.retained_energy * 100);
  std::string text = fmt::format("{}: {}, {}, {}, {}\n", out.string(), args.recipe, made, human_bytes(static_cast<double>(built.bytes)),
                                 human_seconds(built.seconds));
  for (const auto& vector : built.vectors) vectors.push_back(to_json(vector));
  for (const auto& trial : choice.trials) {
    trials.push_back({{"strength", decimal(trial.strength)}, {"passed", trial.passed}, {"n", trial.n}});
    text += fmt::format("  strength {:<5} {} of {} held-out tasks\n", trial.strength, trial.passed, trial.n);
  }
  if (!strength) {
    text += choice.strength == 0.0f ? "no strength beat the base on held-out tasks: kept at 0, not used by default\n"
                                    : fmt::format(
                                          "strength {} chosen (paired p = {:.3g}); used by default once a suite shows that it helps: "
                                          "aicoder fragment eval\n",
                                          choice.strength, choice.evidence.p_value);
  }
  return {built.path,
          {{"path", out.string()},
           {"bytes", built.bytes},
           {"seconds", built.seconds},
           {"strength", decimal(choice.strength)},
           {"calib_loss_off", loss_off ? Json(*loss_off) : Json()},
           {"calib_loss_on", loss_on ? Json(*loss_on) : Json()},
           {"retained_energy", built.retained_energy},
           {"vectors", vectors},
           {"trials", trials}},
          text};
}

void add_fragment_build(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("build", "Make a fragment from calibration text, by forward passes only");
  add_examples(*command, {"fragment build --preset coder --tasks mbpp.jsonl",
                          "fragment build -n sql --calib sql.jsonl --general english.txt --rank 64 --strength 0.1"});
  const auto args = std::make_shared<BuildArgs>();
  add_engine_options(*command, args->engine, runtime);
  args->engine.n_ctx = 2048;
  command->remove_option(command->get_option("--context"));
  command->remove_option(command->get_option("--fragment"));
  command->add_option("-n,--name", args->name, "Its name");
  command->add_option("--role", args->role, "coder, debugger, security, math, korean or your own");
  command->add_option("--preset", args->preset, "coder, debugger, security, math or korean: name, role and shipped calibration in one");
  command->add_option("--calib", args->calib, "Text of the skill (.txt, .jsonl, .gz), or activation statistics (imatrix .gguf)");
  command->add_option("--general", args->general, "The same for general text (recipes contrast, channel and actsvd)");
  command->add_option("--recipe", args->recipe, "wanda, contrast, channel, actsvd, donor, distill, steer, magnitude or random")
      ->capture_default_str();
  command->add_option("--donor", args->donor, "GGUF of a model tuned from the same base (recipe donor: its difference, as a fragment)");
  command->add_option("--prompt", args->prompt,
                      "Text, or a file of it, that the fragment is to replace (recipes distill and steer; --calib gives answers)");
  command->add_option("--against", args->against, "Of steer: text, or a file of it, that says the opposite; default: no prompt");
  command->add_option("--against-calib", args->against_calib,
                      "Of steer, instead of prompts: answers of the other side, such as those that failed (fragment self --failed)");
  command->add_option("--layers", args->layers, "Of steer: a layer or a range, 8-15; default: the middle third");
  command->add_option("--pair-tokens", args->pair_tokens, "Answer tokens that distill fits and steer reads")
      ->check(CLI::Range(1, 16384))
      ->capture_default_str();
  command->add_option("--ridge", args->ridge, "Of distill: how much it holds back, as a share of the inputs' mean square")
      ->check(CLI::Range(1e-6, 1e3))
      ->capture_default_str();
  command->add_option("--keep", args->keep, "Share of the weights of each output row (recipes that make a mask)")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  command->add_option("--rank", args->rank, "Of the low-rank factors")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--strength", args->strength, "A number, or auto: chosen by verified success on held-out tasks, 0 wins ties")
      ->capture_default_str();
  command->add_option("--tasks", args->tasks,
                      "Held-out tasks for auto: MBPP rows with ids of 601 and above, or rows that say \"use\": \"select\"");
  add_task_suite(*command, args->task_suite, "; default: security or gsm8k (math) for that role, else mbpp");
  command->add_option("--n-tasks", args->n_tasks, "How many of them")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--max-tokens", args->max_tokens, "Calibration tokens a set; 0: all")->capture_default_str();
  command->add_option("--seed", args->seed, "Of the random recipe and the range finder")->capture_default_str();
  command->add_flag("--recapture", args->recapture, "With --preset: capture again from the shipped text instead of the shipped statistics");
  command->add_option("-o,--out", args->out, "File; default: the fragment folder of this base");
  command->callback([=, &runtime] {
    runtime.action = [=, &runtime] {
      const auto built = build(runtime, *args);
      return runtime.finish(built.json, built.text);
    };
  });
}

}  // namespace aicoder::cli
