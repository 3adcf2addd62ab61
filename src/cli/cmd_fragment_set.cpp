// fragment set: how a fragment asks to be used; its tensors stay as they are.
#include "cli/cmd_fragment_set.h"

#include <fmt/format.h>

#include "aicoder/fragment.h"
#include "cli/json_format.h"
#include "cli/selection_options.h"

namespace aicoder::cli {
namespace {

struct Args {
  std::string fragment;
  std::optional<float> strength, temperature, top_p, min_p, repeat_penalty;
  std::optional<int> top_k;
  std::optional<std::string> invocation, prompt_prefix, language;
  bool no_sampler = false;
};

int run(Runtime& runtime, const Args& args) {
  const auto path = resolve_fragment(args.fragment, "");
  FragmentInfo info = inspect_fragment(path);
  FragmentSettings settings = info.settings;
  if (args.invocation) settings.invocation = parse_invocation(*args.invocation);
  if (args.prompt_prefix) settings.prompt_prefix = text_or_file(*args.prompt_prefix);
  if (args.language) settings.language = *args.language == "all" ? "" : *args.language;
  if (args.no_sampler)
    settings.temperature = settings.top_p = settings.min_p = settings.repeat_penalty = std::nullopt, settings.top_k = std::nullopt;
  const auto take = [](auto& value, const auto& given) {
    if (given) value = given;
  };
  take(settings.temperature, args.temperature);
  take(settings.top_k, args.top_k);
  take(settings.top_p, args.top_p);
  take(settings.min_p, args.min_p);
  take(settings.repeat_penalty, args.repeat_penalty);
  if (!args.strength && settings == info.settings) {
    throw Error(ErrorCode::kInvalidArgument, "[fragment set] nothing to change", "aicoder fragment set NAME --strength 0.1");
  }
  const size_t n_evidence = info.evidence.size();
  if (args.strength) update_fragment(path, *args.strength, info.evidence);
  if (settings != info.settings) update_fragment(path, settings);
  info = inspect_fragment(path);
  return runtime.finish(
      {{"path", path.string()}, {"strength", decimal(info.strength)}, {"settings", to_json(info.settings)}},
      fmt::format("{}: strength {:.3g}, acts from {}{}\n", path.string(), info.strength, to_string(info.settings.invocation),
                  info.evidence.size() < n_evidence ? "; its evidence was measured under other settings and is gone" : ""));
}

}  // namespace

void add_fragment_set(CLI::App& fragment, Runtime& runtime) {
  auto* command =
      fragment.add_subcommand("set", "How a fragment asks to be used: strength, where it begins to act, prompt prefix, sampler");
  add_examples(*command, {"fragment set coder --strength 0.1", "fragment set security --invocation user --prompt-prefix 'Write safe code.'",
                          "fragment set korean --language ko --temperature 0.7"});
  const auto args = std::make_shared<Args>();
  command->add_option("fragment", args->fragment, "Name or path")->required();
  command->add_option("--strength", args->strength, "Where the user names none; 0: off")->check(CLI::Range(-8.0, 8.0));
  command
      ->add_option("--invocation", args->invocation,
                   "start, user or answer: it acts from the first token, the last message of the user, or the answer on; what is "
                   "before is read by the base and shared by all fragments")
      ->check(CLI::IsMember({"start", "user", "answer"}));
  command->add_option("--prompt-prefix", args->prompt_prefix, "Text, or a file of it, in front of the system message; '' for none");
  command->add_option("--language", args->language, "ko or en: by default only for requests in that language; all: for every one")
      ->check(CLI::IsMember({"ko", "en", "all"}));
  command->add_option("--temperature", args->temperature, "Of sampling, where the request says nothing")->check(CLI::Range(0.0, 5.0));
  command->add_option("--top-k", args->top_k)->check(CLI::Range(0, 1000000));
  command->add_option("--top-p", args->top_p)->check(CLI::Range(0.0, 1.0));
  command->add_option("--min-p", args->min_p)->check(CLI::Range(0.0, 1.0));
  command->add_option("--repeat-penalty", args->repeat_penalty)->check(CLI::Range(0.1, 5.0));
  command->add_flag("--no-sampler", args->no_sampler, "Forget the sampler's values first");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
