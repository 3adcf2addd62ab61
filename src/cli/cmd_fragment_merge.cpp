// fragment merge: several fragments of one base as one.
#include "cli/cmd_fragment_merge.h"

#include <fmt/format.h>

#include "aicoder/fragment.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  std::vector<std::string> fragments;
  std::string name, role, out, method = "concat";
  size_t rank = 0, seed = 0;
  double density = 0.2, drop = 0.5;
  int n_threads = 0;
  bool force = false;
};

/// Parts after the first are looked for among the fragments of its base: names need be unique for a base only.
std::vector<MergePart> resolve_parts(const std::vector<std::string>& texts) {
  std::vector<MergePart> parts;
  std::string fingerprint;
  for (const auto& choice : parse_fragments(texts)) {
    parts.push_back({resolve_fragment(choice.name, fingerprint), choice.strength});
    if (fingerprint.empty()) fingerprint = inspect_fragment(parts.back().path).base_fingerprint;
  }
  return parts;
}

int run(Runtime& runtime, Args args) {
  if (args.name.empty() && args.out.empty())
    throw Error(ErrorCode::kInvalidArgument, "[fragment merge] no name and no file", "give --name NAME or --out FILE");
  if (args.name.find('/') != std::string::npos)
    throw Error(ErrorCode::kInvalidArgument, "[fragment merge] a name holds no '/'", "use -o for a path");
  if (args.name.empty()) args.name = std::filesystem::path(args.out).stem();
  const auto method = parse_merge_method(args.method);
  const auto parts = resolve_parts(args.fragments);
  const std::filesystem::path out =
      args.out.empty() ? parts.front().path.parent_path() / (args.name + ".gguf") : std::filesystem::path(args.out);
  if (out.has_parent_path()) std::filesystem::create_directories(out.parent_path());
  const auto built = merge_fragments(parts,
                                     {.name = args.name,
                                      .role = args.role,
                                      .method = method,
                                      .rank = args.rank,
                                      .density = args.density,
                                      .drop = args.drop,
                                      .seed = args.seed,
                                      .n_threads = args.n_threads,
                                      .force = args.force,
                                      .progress = runtime.progress(),
                                      .stop = runtime.interrupt.token()},
                                     out);
  auto json = to_json(inspect_fragment(out));
  json["retained_energy"] = built.retained_energy;
  json["seconds"] = built.seconds;
  std::string text = fmt::format("{}: {} of {} fragments, {} weights, energy kept {:.1f} % on average, {}, {}; not measured yet\n",
                                 out.string(), args.method, parts.size(), built.tensors.size(), built.retained_energy * 100,
                                 human_bytes(static_cast<double>(built.bytes)), human_seconds(built.seconds));
  if (built.retained_energy < 1) {
    text += fmt::format("{:<32} {:>5}  {}\n", "TENSOR", "RANK", "ENERGY KEPT");
    for (const auto& t : built.tensors) text += fmt::format("{:<32} {:>5}  {:.3f}\n", t.name, t.rank, t.retained_energy);
  }
  return runtime.finish(json, text);
}

}  // namespace

void add_fragment_merge(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("merge", "One fragment of the weighted sum of several of one base");
  const auto args = std::make_shared<Args>();
  command->add_option("fragments", args->fragments, "NAME[:WEIGHT] or FILE[:WEIGHT], two or more; without a weight its own strength")
      ->required();
  command->add_option("-n,--name", args->name, "Its name; default: that of the file");
  command->add_option("--role", args->role, "Its role; default: that of the parts where they agree");
  command->add_option("--method", args->method, "concat (exact sum), ties (trim, elect sign, mean) or dare (random drop, rescale, sum)")
      ->capture_default_str();
  command->add_option("--rank", args->rank, "Of each tensor, by truncated SVD; 0: the sum of the parts' ranks")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  command->add_option("--density", args->density, "ties: share of the entries of each part that stays")
      ->check(CLI::Range(1e-6, 1.0))
      ->capture_default_str();
  command->add_option("--drop", args->drop, "dare: share of the entries of each part that is dropped")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  command->add_option("--seed", args->seed, "Of what dare drops and of the range finder")->capture_default_str();
  args->n_threads = runtime.config.n_threads;
  command->add_option("-t,--threads", args->n_threads, "Weights in work at once; 0: the physical cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("-o,--out", args->out, "File; default: NAME.gguf beside the first part");
  command->add_flag("--force", args->force, "Replace the file");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
