#include <fmt/format.h>

#include "aicoder/fragment.h"

namespace aicoder {
namespace {

const char* meaning(Standing standing) {
  switch (standing) {
    case Standing::kNotJudged:
      return "No suite has judged it at this strength, so it is not used by default.";
    case Standing::kHelps:
      return "It is used by default: better on at least one suite beyond chance, worse on none.";
    case Standing::kNoDifference:
      return "It was measured and no difference was shown, so it is not used by default.";
    case Standing::kMixed:
      return "Better on one suite and worse on another beyond chance, so it is not used by default.";
    case Standing::kHarms:
      return "It made the model worse on at least one suite beyond chance, so it is not used by default.";
  }
  return "";
}

/// A cell of a Markdown table holds no bar and no line end.
std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

std::string made(const FragmentInfo& info) {
  std::string text = info.recipe;
  if (info.keep > 0) text += fmt::format(", keep {:.3g}", info.keep);
  if (info.rank > 0) text += fmt::format(", rank {}", info.rank);
  for (size_t i = 0; i < info.parents.size(); ++i)
    text += fmt::format("{}{} at {}", i == 0 ? " of " : ", ", info.parents[i].name, info.parents[i].weight);
  if (!info.donor.empty()) text += " of " + info.donor;
  return text;
}

std::string sampler_text(const FragmentSettings& s) {
  std::string text;
  const auto add = [&](const char* name, const auto& value) {
    if (value) text += fmt::format("{}{} {:.3g}", text.empty() ? "" : ", ", name, static_cast<double>(*value));
  };
  add("temperature", s.temperature);
  add("top_k", s.top_k);
  add("top_p", s.top_p);
  add("min_p", s.min_p);
  add("repeat_penalty", s.repeat_penalty);
  return text;
}

std::string hashes(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& hash : all) text += (text.empty() ? "" : ", ") + hash.substr(0, 16);
  return text.empty() ? "none" : text;
}

}  // namespace

std::string fragment_card(const FragmentInfo& info) {
  const Standing stands = standing(info);
  double energy = 0;
  for (const auto& t : info.tensors) energy += t.retained_energy / static_cast<double>(info.tensors.size());
  std::string card = fmt::format("# Fragment {}\n\n**{}.** {}\n\n", cell(info.name), to_string(stands), meaning(stands));
  card += "| | |\n| --- | --- |\n";
  const auto row = [&](const char* what, const std::string& value) { card += fmt::format("| {} | {} |\n", what, cell(value)); };
  row("role", info.role.empty() ? "none" : info.role);
  row("base", fmt::format("{}, fingerprint {}; refused on any other", info.base_name, info.base_fingerprint.substr(0, 16)));
  row("made by", made(info));
  if (!info.tensors.empty()) row("energy kept", fmt::format("{:.1f} % on average over {} tensors", energy * 100, info.tensors.size()));
  if (!info.vectors.empty()) row("control vectors", fmt::format("after {} layers", info.vectors.size()));
  if (!info.prompt.empty()) row("prompt", info.prompt);
  if (!info.against.empty()) row("against", info.against);
  if (info.settings.invocation != Invocation::kStart) row("acts from", std::string(to_string(info.settings.invocation)));
  if (!info.settings.prompt_prefix.empty()) row("prompt prefix", info.settings.prompt_prefix);
  if (!info.settings.language.empty()) row("for requests in", info.settings.language);
  if (const auto sampler = sampler_text(info.settings); !sampler.empty()) row("sampler", sampler);
  row("strength", fmt::format("{:.3g}", info.strength));
  row("calibration (hash of the texts)", hashes(info.calibration_hashes));
  row("general text", hashes(info.general_hashes));
  row("size", fmt::format("{:.1f} MB", static_cast<double>(info.bytes) / 1e6));
  card += "\n## Evidence\n\n";
  if (info.evidence.empty()) return card + "None: nothing has been measured with this fragment.\n";
  card += "| suite | n | without | with | points | p (exact McNemar) | strength |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  for (const auto& e : info.evidence) {
    card += fmt::format("| {} | {} | {:.1f} % | {:.1f} % | {:+.1f} | {:.3g} | {:.3g} |\n", cell(e.suite), e.n, e.score_off * 100,
                        e.score_on * 100, (e.score_on - e.score_off) * 100, e.p_value, e.strength);
  }
  return card + "\nSuites with brackets in their name chose the strength and do not judge it.\n";
}

}  // namespace aicoder
