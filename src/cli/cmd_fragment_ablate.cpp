// fragment ablate: recipe, keep, rank, calibration size and strength, one at a time; a page with plots.
#include "cli/cmd_fragment_ablate.h"

#include <fmt/format.h>

#include "aicoder/eval.h"
#include "cli/calibration.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::string calib, general, held_out, other, recipe = "contrast", out_dir;
  std::vector<std::string> recipes = {"wanda", "contrast", "magnitude", "random"};
  std::vector<double> keeps = {0.05, 0.1, 0.2, 0.3, 0.5};
  std::vector<size_t> ranks = {4, 8, 16, 32, 64, 128};
  std::vector<size_t> samples = {1, 4, 16, 64, 256, 512};
  std::vector<std::string> bases;
  std::vector<float> strengths = {-0.15f, -0.05f, 0.05f, 0.15f, 0.3f, 0.6f};
  double keep = 0.2;
  size_t rank = 64, max_tokens = 30000, text_tokens = 4096;
  float strength = 0.15f;
};

Json to_json(const AblationPoint& p) {
  return {{"axis", p.axis},
          {"base", p.base},
          {"recipe", p.recipe},
          {"keep", p.keep},
          {"rank", p.rank},
          {"samples", p.samples},
          {"strength", decimal(p.strength)},
          {"calib_tokens", p.calib_tokens},
          {"retained_energy", p.retained_energy},
          {"build_seconds", p.build_seconds},
          {"loss_task_off", p.loss_task_off},
          {"loss_task_on", p.loss_task_on},
          {"task_ci95", p.task_ci95},
          {"loss_other_off", p.loss_other_off},
          {"loss_other_on", p.loss_other_on},
          {"other_ci95", p.other_ci95}};
}

std::string command_line(const Args& a) {
  return fmt::format(
      "aicoder fragment ablate -m {} --calib {} --general {} --held-out {} --other {} --recipe {} --keep {} --rank {} --strength {} "
      "--max-tokens {} --text-tokens {}{}{} --out {}",
      a.engine.model, a.calib, a.general, a.held_out, a.other, a.recipe, a.keep, a.rank, a.strength, a.max_tokens, a.text_tokens,
      a.bases.empty() ? "" : " --bases ", fmt::join(a.bases, ","), a.out_dir);
}

int run(Runtime& runtime, const Args& args) {
  AblationOptions options;
  for (const auto& file : {args.calib, args.general}) {
    if (is_statistics(file))
      throw Error(ErrorCode::kInvalidArgument,
                  "[fragment ablate] " + file + " holds statistics, expected text: its size is one of the sweeps");
  }
  options.task = read_text_records(args.calib);
  options.general = read_text_records(args.general);
  options.held_out_task = read_text_records(args.held_out);
  options.held_out_other = read_text_records(args.other);
  options.calib_tokens = args.max_tokens;
  options.text_tokens = args.text_tokens;
  options.recipe = parse_recipe(args.recipe);
  options.keep = args.keep;
  options.rank = args.rank;
  options.strength = args.strength;
  for (const auto& recipe : args.recipes) options.recipes.push_back(parse_recipe(recipe));
  options.keeps = args.keeps;
  options.ranks = args.ranks;
  options.samples = args.samples;
  options.strengths = args.strengths;
  options.bases = {args.bases.begin(), args.bases.end()};
  options.out_dir = args.out_dir;
  options.n_threads = args.engine.n_threads;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  EngineArgs engine_args = args.engine;
  engine_args.n_ctx = 512;  // the window of a loss
  auto engine = make_engine(runtime, engine_args, 1);
  const auto ablation = run_ablation(*engine.generator, engine.model, options);
  const auto page = options.out_dir / "report.html";
  write_file_atomic(page, ablation_page(ablation, command_line(args)));
  Json points = Json::array();
  std::string text = fmt::format("{:<9} {:<10} {:>6} {:>5} {:>7} {:>8} {:>7} {:>22} {:>22}\n", "AXIS", "RECIPE", "KEEP", "RANK", "RECORDS",
                                 "STRENGTH", "ENERGY", "TASK LOSS", "OTHER LOSS");
  const auto change = [](double off, double on, const std::array<double, 2>& ci) {
    return fmt::format("{:+.2f} % ({:+.2f}, {:+.2f})", (on / off - 1) * 100, ci[0] * 100, ci[1] * 100);
  };
  for (const auto& p : ablation.points) {
    points.push_back(to_json(p));
    text += fmt::format("{:<9} {:<10} {:>6.3g} {:>5} {:>7} {:>8} {:>7.3f} {:>22} {:>22}\n", p.axis, p.recipe, p.keep, p.rank,
                        p.samples == 0 ? "all" : std::to_string(p.samples), p.strength, p.retained_energy,
                        change(p.loss_task_off, p.loss_task_on, p.task_ci95), change(p.loss_other_off, p.loss_other_on, p.other_ci95));
  }
  text += "the page with plots: " + page.string() + "\n";
  return runtime.finish({{"model", ablation.model}, {"page", page.string()}, {"points", points}}, text);
}

}  // namespace

void add_fragment_ablate(CLI::App& fragment, Runtime& runtime) {
  auto* command =
      fragment.add_subcommand("ablate", "What moves the held-out loss: recipe, keep, rank, calibration size, strength; a page with plots");
  add_examples(*command,
               {"fragment ablate --calib code.jsonl --general text.jsonl --held-out code2.jsonl --other text2.jsonl --out ablation"});
  const auto args = std::make_shared<Args>();
  add_model_option(*command, args->engine, runtime);
  command->add_option("--calib", args->calib, "Text of the skill (.txt, .jsonl, .gz)")->required();
  command->add_option("--general", args->general, "General text")->required();
  command->add_option("--held-out", args->held_out, "Text of the skill that is in neither")->required();
  command->add_option("--other", args->other, "Text the fragment should leave alone, in neither")->required();
  command->add_option("--recipe", args->recipe, "The centre: each sweep changes one of these five")->capture_default_str();
  command->add_option("--keep", args->keep)->check(CLI::Range(0.001, 1.0))->capture_default_str();
  command->add_option("--rank", args->rank)->check(CLI::Range(size_t{1}, size_t{4096}))->capture_default_str();
  command->add_option("--strength", args->strength)->check(CLI::Range(-8.0, 8.0))->capture_default_str();
  command->add_option("--max-tokens", args->max_tokens, "Calibration tokens a set; 0: all")->capture_default_str();
  command->add_option("--recipes", args->recipes, "Recipes to compare")->delimiter(',')->capture_default_str();
  command->add_option("--keeps", args->keeps, "Shares to compare")->delimiter(',')->check(CLI::Range(0.001, 1.0))->capture_default_str();
  command->add_option("--ranks", args->ranks, "Ranks to compare")
      ->delimiter(',')
      ->check(CLI::Range(size_t{1}, size_t{4096}))
      ->capture_default_str();
  command->add_option("--samples", args->samples, "Numbers of calibration records to compare; 0: all")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--strengths", args->strengths, "Strengths to compare")
      ->delimiter(',')
      ->check(CLI::Range(-8.0, 8.0))
      ->capture_default_str();
  command->add_option("--bases", args->bases, "Files of the same model in other quantizations, each with a fragment of its own")
      ->delimiter(',')
      ->check(CLI::ExistingFile);
  command->add_option("--text-tokens", args->text_tokens, "Of each held-out text")->capture_default_str();
  command->add_option("-o,--out", args->out_dir, "Folder; the same one resumes")->required();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
