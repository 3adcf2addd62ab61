#include "cli/cmd_fragment_shelf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "aicoder/fragment.h"
#include "cli/cmd_fragment_build.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

constexpr std::array<const char*, 5> kShelf = {"coder", "debugger", "security", "math", "korean"};

struct ShelfArgs {
  EngineArgs engine;
  std::vector<std::string> roles;
  std::string strength = "auto";
  bool build = false;
  size_t n_tasks = 40, max_tokens = 30000;
};

/// A calibration set for Korean ships, tasks with checks for it do not: nothing here can choose its strength.
bool can_choose_strength(const std::string& role) { return role != "korean"; }

std::optional<FragmentInfo> find_on_shelf(const std::string& role, const std::string& fingerprint) {
  for (auto& info : list_fragments(fragments_dir())) {
    if (info.role == role && info.base_fingerprint == fingerprint) return std::move(info);
  }
  return std::nullopt;
}

void write_card(const FragmentInfo& info) {
  auto card = info.path;
  write_file_atomic(card.replace_extension(".md"), fragment_card(info));
}

int show(Runtime& runtime, const ShelfArgs& args) {
  const auto model = load_model(runtime, args.engine);
  Json fragments = Json::array();
  std::string text = fmt::format("{:<10} {:<12} {:<10} {:>8}  {}\n", "ROLE", "FRAGMENT", "RECIPE", "STRENGTH", "STANDING");
  const auto wanted = [&](const char* role) {
    return args.roles.empty() || std::find(args.roles.begin(), args.roles.end(), role) != args.roles.end();
  };
  size_t n_missing = 0;
  for (const char* role : kShelf) {
    if (!wanted(role)) continue;
    auto info = find_on_shelf(role, model->fingerprint());
    if (!info && args.build) {
      runtime.terminal.line(fmt::format("building {} from the shipped calibration set", role));
      BuildArgs build_args;
      build_args.engine = args.engine;
      build_args.engine.n_ctx = 2048;
      build_args.preset = role;
      build_args.n_tasks = args.n_tasks;
      build_args.max_tokens = args.max_tokens;
      build_args.strength = args.strength == "auto" && !can_choose_strength(role) ? "0" : args.strength;
      info = inspect_fragment(build(runtime, build_args).path);
    }
    if (!info) {
      ++n_missing;
      fragments.push_back({{"role", role}, {"path", Json()}, {"enabled", false}});
      text += fmt::format("{:<10} {:<12} {:<10} {:>8}  not made\n", role, "-", "-", "-");
      continue;
    }
    write_card(*info);
    const Standing stands = standing(*info);
    fragments.push_back({{"role", role},
                         {"path", info->path.string()},
                         {"name", info->name},
                         {"recipe", info->recipe},
                         {"strength", decimal(info->strength)},
                         {"standing", to_string(stands)},
                         {"enabled", stands == Standing::kHelps}});
    text += fmt::format("{:<10} {:<12} {:<10} {:>8}  {}{}\n", role, info->name, info->recipe, info->strength, to_string(stands),
                        stands == Standing::kHelps ? ": used by default" : ": used only when named");
  }
  if (n_missing > 0) text += fmt::format("make what is missing: aicoder fragment shelf -m {} --build\n", args.engine.model);
  return runtime.finish({{"model", model->name()}, {"fragments", fragments}}, text);
}

int card(Runtime& runtime, const std::string& name, const std::string& out) {
  const auto info = inspect_fragment(resolve_fragment(name, ""));
  const std::string page = fragment_card(info);
  if (!out.empty()) write_file_atomic(out, page);
  return runtime.finish(
      {{"name", info.name}, {"standing", to_string(standing(info))}, {"path", out.empty() ? Json() : Json(out)}, {"card", page}},
      out.empty() ? page : out + "\n");
}

}  // namespace

void add_fragment_shelf(CLI::App& fragment, Runtime& runtime) {
  auto* shelf = fragment.add_subcommand("shelf", "The roles' fragments of a model: what is made, what the evidence says, what is in use");
  add_examples(*shelf, {"fragment shelf", "fragment shelf --build --role coder"});
  const auto args = std::make_shared<ShelfArgs>();
  add_model_option(*shelf, args->engine, runtime);
  shelf->add_flag("--build", args->build, "Make those that are missing, from the shipped calibration sets");
  shelf->add_option("--role", args->roles, "Only these: coder, debugger, security, math, korean")
      ->check(CLI::IsMember(std::vector<std::string>(kShelf.begin(), kShelf.end())));
  shelf->add_option("--strength", args->strength, "Of those that are made: a number, or auto, chosen by verified success on held-out tasks")
      ->capture_default_str();
  shelf->add_option("--n-tasks", args->n_tasks, "Held-out tasks that choose a strength")->check(CLI::Range(1, 1000))->capture_default_str();
  shelf->add_option("--max-tokens", args->max_tokens, "Calibration tokens a set, where no statistics ship; 0: all")->capture_default_str();
  shelf->callback([=, &runtime] { runtime.action = [=, &runtime] { return show(runtime, *args); }; });

  auto* card_command =
      fragment.add_subcommand("card", "A fragment as a page in Markdown: what it is, what it was made from, what was measured");
  add_examples(*card_command, {"fragment card coder", "fragment card coder -o coder.md"});
  const auto name = std::make_shared<std::string>(), out = std::make_shared<std::string>();
  card_command->add_option("fragment", *name, "Name or path")->required();
  card_command->add_option("-o,--out", *out, "File; default: to the terminal");
  card_command->callback([=, &runtime] { runtime.action = [=, &runtime] { return card(runtime, *name, *out); }; });
}

}  // namespace aicoder::cli
