// fragment import: a LoRA of others, in a PEFT folder or a GGUF file, as a fragment of one base.
#include "cli/cmd_fragment_import.h"

#include <fmt/format.h>

#include <map>

#include "aicoder/fragment.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::string source, name, role, out;
  FragmentStorage storage = FragmentStorage::kAuto;
  bool force = false;
};

int run(Runtime& runtime, const Args& args) {
  if (args.name.find('/') != std::string::npos)
    throw Error(ErrorCode::kInvalidArgument, "[fragment import] a name holds no '/'", "use -o for a path");
  const auto model = load_model(runtime, args.engine);
  const std::filesystem::path out =
      args.out.empty() ? fragments_dir() / model->path().stem() / (args.name + ".gguf") : std::filesystem::path(args.out);
  if (out.has_parent_path()) std::filesystem::create_directories(out.parent_path());
  const auto info = import_fragment(
      *model, args.source,
      {.name = args.name, .role = args.role, .storage = args.storage, .force = args.force, .progress = runtime.progress()}, out);
  auto json = to_json(info);
  json.erase("tensors");
  return runtime.finish(json, fmt::format("{}: {} weights, rank {}, strength {}, {}; not measured yet\n", out.string(), info.tensors.size(),
                                          info.rank, info.strength, human_bytes(static_cast<double>(info.bytes))));
}

}  // namespace

void add_fragment_import(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("import", "Make a fragment from a PEFT LoRA folder or a LoRA GGUF of llama.cpp");
  const auto args = std::make_shared<Args>();
  command->add_option("source", args->source, "PEFT folder, its adapter_model.safetensors, or LoRA .gguf")->required();
  add_model_option(*command, args->engine, runtime);
  command->add_option("-n,--name", args->name, "Its name")->required();
  command->add_option("--role", args->role, "coder, debugger, security, math, korean or your own");
  command->add_option("--storage", args->storage, "auto (as in the source; BF16 becomes F32), f32 or f16")
      ->transform(CLI::CheckedTransformer(std::map<std::string, FragmentStorage>{
          {"auto", FragmentStorage::kAuto}, {"f32", FragmentStorage::kF32}, {"f16", FragmentStorage::kF16}}))
      ->default_str("auto");
  command->add_option("-o,--out", args->out, "File; default: the fragment folder of this base");
  command->add_flag("--force", args->force, "Replace the file");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
