// fragment export: a fragment for other programs, as a PEFT LoRA folder or as control vectors.
#include "cli/cmd_fragment_export.h"

#include <fmt/format.h>

#include "aicoder/fragment.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::string fragment, to = "peft", out, base_model;
  std::optional<float> strength;
  bool force = false;
};

int run(Runtime& runtime, const Args& args) {
  const auto model = load_model(runtime, args.engine);
  const auto path = resolve_fragment(args.fragment, model->fingerprint());
  const std::filesystem::path out = args.out;
  if (out.has_parent_path()) std::filesystem::create_directories(out.parent_path());
  if (args.to == "control-vector") {
    if (std::filesystem::exists(out) && !args.force) {
      throw Error(ErrorCode::kFailedPrecondition, fmt::format("[fragment export] {} exists", out.string()), "--force replaces it");
    }
    const float strength = args.strength.value_or(inspect_fragment(path).strength);
    const size_t n = export_control_vectors(path, strength, out);
    return runtime.finish({{"path", out.string()}, {"format", args.to}, {"strength", decimal(strength)}, {"vectors", n}},
                          fmt::format("{}: control vectors after {} layers at strength {}; llama.cpp reads it with --control-vector\n",
                                      out.string(), n, strength));
  }
  const auto result = export_peft(
      *model, path, out, {.strength = args.strength, .base_model = args.base_model, .force = args.force, .progress = runtime.progress()});
  return runtime.finish({{"path", out.string()},
                         {"format", args.to},
                         {"strength", decimal(result.strength)},
                         {"tensors", result.tensors},
                         {"rank", result.rank},
                         {"bytes", result.bytes}},
                        fmt::format("{}: PEFT LoRA of {} weights, rank {}, strength {} as lora_alpha / r, {}\n", out.string(),
                                    result.tensors, result.rank, result.strength, human_bytes(static_cast<double>(result.bytes))));
}

}  // namespace

void add_fragment_export(CLI::App& fragment, Runtime& runtime) {
  auto* command =
      fragment.add_subcommand("export", "Write a fragment as a PEFT LoRA folder, or its control vectors as a GGUF of llama.cpp");
  const auto args = std::make_shared<Args>();
  command->add_option("fragment", args->fragment, "Name or path of a fragment or LoRA GGUF")->required();
  add_model_option(*command, args->engine, runtime);
  command->add_option("--to", args->to, "Format")->check(CLI::IsMember({"peft", "control-vector"}))->capture_default_str();
  command->add_option("-o,--out", args->out, "Folder (peft) or file (control-vector) to write")->required();
  command->add_option("--strength", args->strength,
                      "What lora_alpha / r shall be, or what vectors are multiplied by; default: the strength in the file. 0 is refused");
  command->add_option("--base-model", args->base_model,
                      "base_model_name_or_path of the config, e.g. ORG/NAME; default: the name in the base");
  command->add_flag("--force", args->force, "Replace what is there");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
