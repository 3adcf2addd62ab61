// The direct path: one greedy answer, streamed. Examples in the task are still run against code in the answer.
#include <algorithm>

#include "agent/code_blocks.h"
#include "agent/project_facts.h"
#include "agent/run_state.h"
#include "agent/static_rules.h"

namespace aicoder::agent {
namespace {

std::vector<PromptPart> project_parts(const RunState& state) {
  Workspace workspace(state.request.dir, state.stop);
  ProjectFacts facts = read_facts(workspace.files());
  std::string list = "Files of the project:\n";
  size_t shown = 0;
  for (const auto& [path, file] : workspace.files()) {
    if (++shown > 100) break;
    const FileFacts* entry = facts.find(path);
    list += "- " + path + (entry != nullptr && entry->lines > 0 ? " (" + std::to_string(entry->lines) + " lines)" : "") + "\n";
  }
  if (workspace.files().size() > 100) list += "[" + std::to_string(workspace.files().size() - 100) + " more files not listed]\n";
  std::vector<PromptPart> parts;
  parts.push_back({list + "\n", {}, "the list of files", 1});
  if (const auto rules = workspace.files().find(std::string(kRulesFile)); rules != workspace.files().end() && rules->second.editable) {
    parts.push_back(rules_part(rules->second.content, 3));
  }
  // Files the task names first, then sources by size: small ones tell more a token.
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const auto& [path, file] : workspace.files()) {
    if (!file.editable || (language_of(path).empty() && !path.ends_with(".md"))) continue;
    std::string name = path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
    bool named = state.request.task.find(name) != std::string::npos;
    ranked.emplace_back((named ? 0 : 1'000'000) + (facts.find(path)->is_protected ? 500'000 : 0) + file.content.size(), path);
  }
  std::sort(ranked.begin(), ranked.end());
  for (size_t i = 0; i < std::min<size_t>(ranked.size(), 20); ++i) {
    parts.push_back(file_part("File", ranked[i].second, workspace.files().at(ranked[i].second).content, i + 2));
  }
  if (ranked.size() > 20) parts.push_back({"[" + std::to_string(ranked.size() - 20) + " more files not shown]\n\n", {}, "", 0});
  return parts;
}

}  // namespace

void answer_directly(RunState& state) {
  state.begin_step("assistant");
  std::vector<PromptPart> parts;
  if (!state.request.dir.empty()) parts = project_parts(state);
  parts.push_back({state.request.task, {}, "the task", 0});
  size_t max_tokens = std::min(state.options.max_tokens, state.generator.n_ctx_seq() / 2);
  RunState::Ask ask{
      .role = "assistant",
      .prompt = fit_prompt(state.generator, system_prompt(Role::kAssistant, state.korean), state.request.history, parts, max_tokens),
      .max_tokens = max_tokens,
      .stream = true};
  std::vector<Draft> drafts = state.ask(ask);
  if (!drafts.empty()) state.result.answer = drafts.front().text;
  std::string detail;
  for (const std::string& note : ask.prompt.notes) detail += note + "; ";
  bool cut = !drafts.empty() && drafts.front().cut;
  if (cut) state.result.answer += "\n\n[the answer was cut at " + std::to_string(max_tokens) + " tokens]";
  state.end_step(state.result.answer.empty() ? "empty" : cut ? "cut" : "answered", detail);

  AgentResult& result = state.result;
  result.verification_detail = "nothing was run";
  auto code = extract_code(result.answer);
  if (!code) return;
  for (const Finding& finding : check_rules("answer.py", "", *code)) result.findings.push_back(finding.text());
  std::vector<Example> examples = read_examples(state.request.task);
  if (state.runner == nullptr || examples.empty() || !looks_like_python(*code)) return;

  state.begin_step("run");
  std::vector<std::string> checks;
  for (const Example& example : examples) checks.push_back(example.check);
  BoxReport report = run_checks(*state.runner, {.limits = state.options.limits}, *code, checks, state.stop);
  size_t passed = report.n_passed();
  bool all = passed == checks.size() && report.done && report.tampered.empty() && report.box.verdict == Verdict::kOk &&
             check_tampering("answer.py", "", *code).empty();
  result.verification = all ? Verification::kVerified : Verification::kRan;
  result.verification_detail = std::to_string(passed) + " of " + std::to_string(checks.size()) + " given examples passed";
  state.end_step(report.verdict(), result.verification_detail);
}

}  // namespace aicoder::agent
