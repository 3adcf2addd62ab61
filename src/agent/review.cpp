// Review: rules over what changed, one more round of Act where they find something, and the Security fragment's notes.
#include <algorithm>

#include "agent/project_run.h"
#include "agent/static_rules.h"

namespace aicoder::agent {
namespace {

/// Lines of the model's notes, without bullets and praise; at most five.
std::vector<std::string> note_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size() && lines.size() < 5;) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    size_t first = line.find_first_not_of(" \t-*•0123456789.)");
    if (first == std::string::npos) continue;
    line = line.substr(first);
    if (line.starts_with("```") || line.size() < 12 || line.size() > 300) continue;
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::vector<std::string> ProjectRun::rule_findings(const std::map<std::string, std::string>& edits) const {
  std::vector<std::string> found;
  for (const auto& [path, text] : edits) {
    auto old = workspace_.files().find(path);
    std::string_view before = old == workspace_.files().end() ? std::string_view() : old->second.content;
    for (const Finding& finding : check_rules(path, before, text)) found.push_back(finding.text());
    for (const Finding& finding : check_tampering(path, before, text)) found.push_back(finding.text());
  }
  return found;
}

void ProjectRun::review() {
  if (edits_.empty()) return;
  state_.begin_step("review");
  std::vector<std::string> findings = rule_findings(edits_);
  std::string detail;
  for (const std::string& finding : findings) detail += finding + "\n";
  state_.end_step(findings.empty() ? "clean" : std::to_string(findings.size()) + (findings.size() == 1 ? " finding" : " findings"),
                  findings.empty() ? "static rules found nothing in the changed lines" : detail);

  if (!findings.empty()) {
    // One more round, on the file with the first finding.
    std::string path = findings.front().substr(0, findings.front().find(':'));
    std::string list;
    for (const std::string& finding : findings) {
      if (finding.starts_with(path + ":")) list += "- " + finding + "\n";
    }
    size_t room = answer_room(path);
    Prompt prompt = write_prompt(Role::kCoder, path, context_parts(path, {}, nullptr),
                                 "A security review of " + path + " says:\n" + list + "\nWrite " + path +
                                     " again, complete, with these mended and everything else kept.",
                                 room);
    std::vector<Scored> scored = draft("coder", prompt, path, true, 0, room, {"review"});
    for (Scored& one : scored) {
      bool no_worse = one.measure.broken.empty() && one.measure.passed >= now_.passed && one.measure.honest >= now_.honest;
      std::vector<std::string> left = rule_findings(one.files);
      if (!no_worse || left.size() >= findings.size()) continue;
      edits_ = one.files;
      now_ = one.measure;
      findings = left;
    }
  }
  state_.result.findings.insert(state_.result.findings.end(), findings.begin(), findings.end());
  security_review();
}

void ProjectRun::security_review() {
  state_.begin_step("security");
  std::vector<PromptPart> parts;
  size_t rank = 1;
  for (const auto& [path, text] : edits_) parts.push_back(file_part("File", path, text, rank++));
  parts.push_back(
      {"List the security weaknesses of this code, one a line, each with the function it is in. If there is none, write NONE.", {}, "", 0});
  size_t room = std::min<size_t>(160, state_.generator.n_ctx_seq() / 4);
  RunState::Ask ask{.role = "security",
                    .prompt = fit_prompt(state_.generator, system_prompt(Role::kSecurity, false), {}, parts, room),
                    .max_tokens = room};
  std::vector<Draft> drafts = state_.ask(ask);
  std::string text = drafts.empty() ? std::string() : drafts.front().text;
  std::vector<std::string> lines =
      text.find("NONE") != std::string::npos && text.size() < 60 ? std::vector<std::string>{} : note_lines(text);
  std::string detail;
  for (const std::string& line : lines) {
    detail += line + "\n";
    // What a small model says about security is a hint to look at, never a fact.
    state_.result.findings.push_back("note of the model, not checked: " + line);
  }
  state_.end_step(lines.empty() ? "no notes" : std::to_string(lines.size()) + (lines.size() == 1 ? " note" : " notes"), detail);
}

}  // namespace aicoder::agent
