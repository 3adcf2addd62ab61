// fragment inspect | list; the other commands on fragments have files of their own.
#include <fmt/format.h>

#include "aicoder/fragment.h"
#include "cli/cmd_fragment_ablate.h"
#include "cli/cmd_fragment_build.h"
#include "cli/cmd_fragment_capture.h"
#include "cli/cmd_fragment_diff.h"
#include "cli/cmd_fragment_eval.h"
#include "cli/cmd_fragment_export.h"
#include "cli/cmd_fragment_import.h"
#include "cli/cmd_fragment_merge.h"
#include "cli/cmd_fragment_proxies.h"
#include "cli/cmd_fragment_search.h"
#include "cli/cmd_fragment_select.h"
#include "cli/cmd_fragment_set.h"
#include "cli/cmd_fragment_shelf.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

std::string evidence_text(const FragmentInfo& info) {
  if (info.evidence.empty()) return "none: nothing has been measured with this fragment";
  std::string text;
  for (const auto& e : info.evidence) {
    text += fmt::format("{}{}: off {:.1f} %, on {:.1f} % at strength {} (n {}, p {:.3g})", text.empty() ? "" : "\n           ", e.suite,
                        e.score_off * 100, e.score_on * 100, e.strength, e.n, e.p_value);
  }
  return text;
}

/// The recipe with what belongs to it: the share it kept, or the fragments it was merged from.
std::string recipe_text(const FragmentInfo& info) {
  std::string text = info.recipe;
  if (info.keep > 0) text += fmt::format(", keep {:.3g}", info.keep);
  for (size_t i = 0; i < info.parents.size(); ++i) {
    text += fmt::format("{}{}:{}", i == 0 ? " of " : ", ", info.parents[i].name, info.parents[i].weight);
  }
  if (!info.donor.empty()) text += " of " + info.donor;
  if (info.rank > 0) text += fmt::format(", rank {}", info.rank);
  if (!info.prompt.empty()) text += fmt::format("\nprompt     {}", info.prompt);
  if (!info.against.empty()) text += fmt::format("\nagainst    {}", info.against);
  return text;
}

int inspect(Runtime& runtime, const std::string& file) {
  const auto info = inspect_fragment(std::filesystem::exists(file) ? std::filesystem::path(file) : resolve_fragment(file, ""));
  std::string text = fmt::format(
      "name       {}\nrole       {}\nrecipe     {}\nstrength   {:.3g}\nbase       {}\nsize       {}\nevidence   "
      "{}\n\n",
      info.name, info.role, recipe_text(info), info.strength, info.base_name, human_bytes(static_cast<double>(info.bytes)),
      evidence_text(info));
  if (!info.vectors.empty()) {
    text += fmt::format("{:<8} {:>10} {:>22} {:>22}\n", "LAYER", "NORM", "OF THE STREAM'S", "SHARED BY ALL TOKENS");
    for (const auto& v : info.vectors) {
      text += fmt::format("{:<8} {:>10.3g} {:>20.1f} % {:>20.1f} %\n", v.layer, v.norm, v.relative * 100, v.shared * 100);
    }
    return runtime.finish(to_json(info), text);
  }
  text += fmt::format("{:<32} {:>5}  {}\n", "TENSOR", "RANK", "ENERGY KEPT");
  for (const auto& t : info.tensors) text += fmt::format("{:<32} {:>5}  {:.3f}\n", t.name, t.rank, t.retained_energy);
  return runtime.finish(to_json(info), text);
}

int list(Runtime& runtime) {
  Json fragments = Json::array();
  std::string text =
      fmt::format("{:<20} {:<10} {:<10} {:>5} {:>8}  {:<28} {}\n", "NAME", "ROLE", "RECIPE", "RANK", "STRENGTH", "BASE", "EVIDENCE");
  for (const auto& info : list_fragments(fragments_dir())) {
    auto json = to_json(info);
    json.erase("tensors");
    fragments.push_back(json);
    std::string evidence(to_string(standing(info)));
    for (const auto& e : info.evidence) {
      if (e.strength == info.strength) evidence += fmt::format(", {:+.1f} points on {}", (e.score_on - e.score_off) * 100, e.suite);
    }
    text += fmt::format("{:<20} {:<10} {:<10} {:>5} {:>8}  {:<28} {}\n", info.name, info.role, info.recipe, info.rank, info.strength,
                        info.base_name, evidence);
  }
  if (fragments.empty()) text = "no fragments yet; make one: aicoder fragment build --preset coder\n";
  return runtime.finish({{"fragments", fragments}}, text);
}

}  // namespace

void add_fragment(CLI::App& app, Runtime& runtime) {
  auto* fragment = app.add_subcommand("fragment", "Make, measure, exchange and inspect fragments");
  fragment->require_subcommand(1);
  add_fragment_build(*fragment, runtime);
  add_fragment_capture(*fragment, runtime);
  add_fragment_eval(*fragment, runtime);
  add_fragment_ablate(*fragment, runtime);
  add_fragment_proxies(*fragment, runtime);
  add_fragment_search(*fragment, runtime);
  add_fragment_select(*fragment, runtime);
  add_fragment_set(*fragment, runtime);
  add_fragment_shelf(*fragment, runtime);
  add_fragment_export(*fragment, runtime);
  add_fragment_import(*fragment, runtime);
  add_fragment_merge(*fragment, runtime);
  add_fragment_diff(*fragment, runtime);
  const auto file = std::make_shared<std::string>();
  auto* inspect_command = fragment->add_subcommand("inspect", "What a fragment is, tensor by tensor, and what was measured with it");
  inspect_command->add_option("fragment", *file, "Name or path")->required();
  inspect_command->callback([=, &runtime] { runtime.action = [=, &runtime] { return inspect(runtime, *file); }; });
  fragment->add_subcommand("list", "Fragments on this machine")->callback([&runtime] {
    runtime.action = [&runtime] { return list(runtime); };
  });
}

}  // namespace aicoder::cli
