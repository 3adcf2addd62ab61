// fragment diff: how far apart two fragments are, tensor by tensor.
#include "cli/cmd_fragment_diff.h"

#include <fmt/format.h>

#include "aicoder/fragment.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  std::string a, b;
  size_t top = 0;
};

Json to_json(const TensorDiff& t) {
  return {{"name", t.name},     {"relative", t.relative}, {"cosine", t.cosine}, {"rank_a", t.rank_a},
          {"rank_b", t.rank_b}, {"norm_a", t.norm_a},     {"norm_b", t.norm_b}};
}

std::string row(const std::string& name, const TensorDiff& t) {
  return fmt::format("{:<32} {:>9.3g} {:>7.4f} {:>6} {:>6} {:>10.4g} {:>10.4g}\n", name, t.relative, t.cosine, t.rank_a, t.rank_b, t.norm_a,
                     t.norm_b);
}

int run(Runtime& runtime, const Args& args) {
  const auto path_a = resolve_fragment(args.a, "");
  const auto path_b = resolve_fragment(args.b, inspect_fragment(path_a).base_fingerprint);
  const auto diff = diff_fragments(path_a, path_b, runtime.progress());
  const size_t shown = args.top == 0 ? diff.tensors.size() : std::min(args.top, diff.tensors.size());

  Json tensors = Json::array(), metadata = Json::array(), total = to_json(diff.total);
  total.erase("name");
  std::string text = fmt::format("A {}\nB {}\n\n{:<32} {:>9} {:>7} {:>6} {:>6} {:>10} {:>10}\n", path_a.string(), path_b.string(), "TENSOR",
                                 "DIFF", "COSINE", "RANK A", "RANK B", "NORM A", "NORM B");
  for (size_t i = 0; i < shown; ++i) {
    tensors.push_back(to_json(diff.tensors[i]));
    text += row(diff.tensors[i].name, diff.tensors[i]);
  }
  if (shown < diff.tensors.size()) text += fmt::format("... {} more\n", diff.tensors.size() - shown);
  text += row("all", diff.total);
  if (!diff.metadata.empty()) text += fmt::format("\n{:<32} {:<28} {}\n", "METADATA", "A", "B");
  for (const auto& m : diff.metadata) {
    metadata.push_back({{"key", m.key}, {"a", m.a}, {"b", m.b}});
    text += fmt::format("{:<32} {:<28} {}\n", m.key, m.a.empty() ? "-" : m.a, m.b.empty() ? "-" : m.b);
  }
  return runtime.finish({{"a", path_a.string()}, {"b", path_b.string()}, {"total", total}, {"tensors", tensors}, {"metadata", metadata}},
                        text);
}

}  // namespace

void add_fragment_diff(CLI::App& fragment, Runtime& runtime) {
  auto* command =
      fragment.add_subcommand("diff", "How far apart two fragments are: per tensor, at strength 1, the worst first; and metadata");
  const auto args = std::make_shared<Args>();
  command->add_option("a", args->a, "Name or path")->required();
  command->add_option("b", args->b, "Name or path")->required();
  command->add_option("--top", args->top, "Show so many tensors; 0: all")->capture_default_str();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
