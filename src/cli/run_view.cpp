#include "cli/run_view.h"

#include <fmt/format.h>

#include <iostream>

#include "aicoder/fragment.h"
#include "aicoder/sandbox/terminal.h"

namespace aicoder::cli {
namespace {

constexpr const char* kRoles[] = {"coder", "debugger", "security"};

Colour verdict_colour(const std::string& verdict) {
  if (verdict.empty()) return Colour::kDim;
  if (verdict == "OK" || verdict == "passed" || verdict == "clean") return Colour::kGreen;
  return verdict.find("fail") != std::string::npos || verdict == "RE" || verdict.starts_with("TLE") || verdict == "MLE" ? Colour::kRed
                                                                                                                        : Colour::kYellow;
}

/// Control characters of model and program output never reach the terminal: an escape sequence could write anything there.
std::string printable(std::string_view text) { return terminal_safe(text); }

std::string indent(std::string_view text) {
  std::string out = "     ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "     ";
  }
  return out;
}

}  // namespace

AgentObserver make_observer(Runtime& runtime, bool stream) {
  AgentObserver observer;
  auto& terminal = runtime.terminal;
  observer.on_step_begin = [&terminal](const AgentStep& step) {
    terminal.progress({fmt::format("{}{}", step.role, step.fragment.empty() ? "" : " [" + step.fragment + "]"), 0, 0, ""});
  };
  observer.on_step_end = [&terminal](const AgentStep& step) {
    std::string text = fmt::format("{} {}", terminal.paint(Colour::kBold, fmt::format("{:<9}", step.role)),
                                   terminal.paint(verdict_colour(step.verdict), fmt::format("{:<10}", step.verdict)));
    text += terminal.paint(Colour::kDim, fmt::format(" {}", human_seconds(step.seconds)));
    if (step.tokens > 0) text += terminal.paint(Colour::kDim, fmt::format(", {} tokens", step.tokens));
    if (!step.fragment.empty())
      text += terminal.paint(Colour::kCyan, fmt::format(", fragment {} (switched in {:.2f} ms)", step.fragment, step.switch_ms));
    terminal.line(text);
    if (!step.detail.empty()) terminal.line(terminal.paint(Colour::kDim, indent(printable(step.detail))));
  };
  if (stream) observer.on_text = [&terminal](std::string_view text) { terminal.out(printable(text)); };
  return observer;
}

std::string describe(const Runtime& runtime, const AgentResult& result, bool answer_was_streamed, bool why) {
  const auto& t = runtime.terminal;
  std::string out;
  if (!answer_was_streamed && !result.answer.empty()) out += printable(result.answer) + "\n";
  if (answer_was_streamed) out += "\n";
  for (const auto& file : result.files) out += "\n" + t.paint_diff(printable(file.diff));
  for (const auto& finding : result.findings) out += t.paint(Colour::kYellow, "review: ") + printable(finding) + "\n";
  if (why) {
    out += t.paint(Colour::kDim, fmt::format("path: {}", to_string(result.mode))) + "\n";
    for (const auto& reason : result.reasons) out += t.paint(Colour::kDim, "  because " + reason) + "\n";
  }
  const auto colour = result.verification == Verification::kVerified ? Colour::kGreen
                      : result.verification == Verification::kRan    ? Colour::kYellow
                                                                     : Colour::kDim;
  out += t.paint(colour, to_string(result.verification)) + (result.verification_detail.empty() ? "" : ": " + result.verification_detail);
  out += t.paint(Colour::kDim, fmt::format("  ({} tokens, {})", result.tokens, human_seconds(result.seconds))) + "\n";
  return out;
}

bool offer_changes(Runtime& runtime, const AgentResult& result, const std::filesystem::path& dir, bool yes) {
  if (result.files.empty()) return false;
  if (!yes) {
    if (runtime.json || !runtime.terminal.interactive()) {
      runtime.terminal.line("the changes were not applied; run again with --yes to apply them");
      return false;
    }
    runtime.terminal.out(fmt::format("Apply these changes to {}? [y/N] ", dir.string()));
    std::string line;
    if (!std::getline(std::cin, line) || (line != "y" && line != "Y" && line != "yes")) {
      std::cin.clear();
      runtime.terminal.line("not applied; nothing was changed");
      return false;
    }
  }
  apply_changes(result, dir);
  runtime.terminal.line(fmt::format("applied to {}; take it back with: aicoder undo --dir {}", dir.string(), dir.string()));
  return true;
}

std::map<std::string, FragmentChoice> choose_role_fragments(const Runtime& runtime, const Model& model,
                                                            const std::vector<FragmentChoice>& given) {
  std::map<std::string, FragmentChoice> out;
  for (const auto& info : list_fragments(fragments_dir())) {
    if (info.base_fingerprint != model.fingerprint() || out.contains(info.role)) continue;
    if (standing(info) == Standing::kHelps) out[info.role] = {info.path.string(), info.strength, info.settings.language};
  }
  for (const auto& [role, name] : runtime.config.roles) {
    if (name == "none") {
      out.erase(role);
    } else {
      out[role] = parse_fragment_choice(name);
    }
  }
  bool first_given = true;
  for (const auto& choice : given) {
    const auto info = inspect_fragment(resolve_fragment(choice.name, model.fingerprint()));
    const bool known = std::find(std::begin(kRoles), std::end(kRoles), info.role) != std::end(kRoles);
    if (first_given) out.clear();  // naming fragments by hand means exactly these
    first_given = false;
    out[known ? info.role : "coder"] = choice;
  }
  return out;
}

}  // namespace aicoder::cli
