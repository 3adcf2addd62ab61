#include "agent/prompt.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/plan.h"
#include "agent/project_facts.h"
#include "agent/python_outline.h"

namespace aicoder::agent {
namespace {

std::string indent_free_name(const std::string& id) {
  size_t at = id.rfind("::");
  return at == std::string::npos ? id : id.substr(at + 2);
}

/// With a space behind; empty for what is no programming language.
std::string_view title_of(std::string_view language) {
  static const std::map<std::string_view, std::string_view> kTitles = {{"python", "Python "},
                                                                       {"c", "C "},
                                                                       {"c++", "C++ "},
                                                                       {"javascript", "JavaScript "},
                                                                       {"typescript", "TypeScript "},
                                                                       {"go", "Go "},
                                                                       {"rust", "Rust "},
                                                                       {"java", "Java "},
                                                                       {"ruby", "Ruby "},
                                                                       {"shell", "shell "}};
  const auto title = kTitles.find(language);
  return title == kTitles.end() ? std::string_view() : title->second;
}

}  // namespace

std::string system_prompt(Role role, bool korean, std::string_view language) {
  std::string text;
  const std::string who = std::string(title_of(language));
  switch (role) {
    case Role::kCoder:
      text = "You are aicoder, a careful " + who +
             "programmer. You write complete, working code in one fenced block. "
             "Use the standard library, and what the project already imports, nothing else.";
      break;
    case Role::kDebugger:
      text = "You are aicoder, a careful " + who +
             "debugger. You read the error, find its cause and write the corrected code, complete, in one "
             "fenced block.";
      break;
    case Role::kSecurity:
      text = "You are aicoder's security reviewer. You name real weaknesses of the code you are shown, briefly, and nothing else.";
      break;
    case Role::kAssistant:
      text =
          "You are aicoder, a programming assistant that runs on the user's own machine. Answer correctly and briefly. "
          "Put code in fenced blocks with the name of the language.";
      break;
  }
  if (korean) {
    text += role == Role::kAssistant ? " Answer in Korean (한국어로 답하세요). Keep code and identifiers as they are."
                                     : " Write comments in Korean (주석은 한국어로).";
  }
  return text;
}

std::string fence_for(std::string_view text) {
  size_t longest = 2, run = 0;
  for (char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return std::string(longest + 1, '`');
}

PromptPart rules_part(const std::string& content, size_t rank) {
  constexpr size_t kFirstBytes = 1500;
  const auto part = [](const std::string& text, const std::string& note) {
    const std::string fence = fence_for(text);
    return "Rules of this project (" + std::string(kRulesFile) + "):\n" + fence + "\n" + text + (text.ends_with('\n') ? "" : "\n") + fence +
           "\n" + note + "\n";
  };
  std::string first = content.substr(0, kFirstBytes);
  if (const size_t line = first.rfind('\n'); first.size() < content.size() && line != std::string::npos) first.resize(line + 1);
  std::string reduced;
  if (first.size() < content.size()) {
    reduced =
        part(first, "[" + std::to_string(std::count(content.begin() + static_cast<std::ptrdiff_t>(first.size()), content.end(), '\n')) +
                        " more lines of it not shown]\n");
  }
  return {part(content, ""), reduced, std::string(kRulesFile), rank};
}

PromptPart file_part(const std::string& title, const std::string& path, const std::string& content, size_t rank) {
  std::string fence = fence_for(content), language = language_of(path);
  std::string ending = content.ends_with('\n') || content.empty() ? "" : "\n";
  PromptPart part;
  part.name = path;
  part.rank = rank;
  part.full = title + " " + path + ":\n" + fence + language + "\n" + content + ending + fence + "\n\n";
  if (language == "python") {
    part.reduced =
        title + " " + path + " [shortened: signatures only]:\n" + fence + language + "\n" + signatures_only(content) + fence + "\n\n";
    if (part.reduced.size() >= part.full.size()) part.reduced.clear();
  }
  return part;
}

Prompt fit_prompt(TextGenerator& generator, const std::string& system, const std::vector<ChatMessage>& history,
                  std::vector<PromptPart> parts, size_t max_tokens) {
  enum class Form { kFull, kReduced, kLeftOut };
  std::vector<Form> forms(parts.size(), Form::kFull);
  size_t n_dropped_turns = 0;
  Prompt prompt;
  auto build = [&] {
    prompt.messages.clear();
    std::string instructions = system;
    if (n_dropped_turns > 0)
      instructions += "\n[" + std::to_string(n_dropped_turns) + " earlier messages of this conversation left out: no room]";
    prompt.messages.push_back({"system", instructions});
    for (size_t i = n_dropped_turns; i < history.size(); ++i) prompt.messages.push_back(history[i]);
    std::string text;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (forms[i] == Form::kFull) text += parts[i].full;
      if (forms[i] == Form::kReduced) text += parts[i].reduced;
      if (forms[i] == Form::kLeftOut) text += "[" + parts[i].name + " left out: no room]\n\n";
    }
    while (text.ends_with('\n')) text.pop_back();
    prompt.messages.push_back({"user", text});
  };
  size_t room = generator.n_ctx_seq() > max_tokens ? generator.n_ctx_seq() - max_tokens : 0;
  // The forced beginning of the answer and the template's own tokens are small but not nothing.
  room = room > 48 ? room - 48 : 0;
  while (true) {
    build();
    size_t n_tokens = generator.count_tokens(prompt.messages);
    if (n_tokens <= room) break;
    size_t worst = parts.size();
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].rank == 0 || forms[i] == Form::kLeftOut) continue;
      // Everything is reduced before anything is left out.
      auto cost = [&](size_t k) { return parts[k].rank + (forms[k] == Form::kReduced || parts[k].reduced.empty() ? 0 : 1000); };
      if (worst == parts.size() || cost(i) > cost(worst)) worst = i;
    }
    if (worst < parts.size()) {
      bool reduce = forms[worst] == Form::kFull && !parts[worst].reduced.empty();
      forms[worst] = reduce ? Form::kReduced : Form::kLeftOut;
    } else if (n_dropped_turns < history.size()) {
      n_dropped_turns = std::min(history.size(), n_dropped_turns + 2);  // a question goes with its answer
    } else {
      throw ContextOverflow(n_tokens + max_tokens, generator.n_ctx_seq());
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (forms[i] == Form::kReduced) prompt.notes.push_back(parts[i].name + ": shortened");
    if (forms[i] == Form::kLeftOut) prompt.notes.push_back(parts[i].name + ": left out, no room");
  }
  if (n_dropped_turns > 0) prompt.notes.push_back(std::to_string(n_dropped_turns) + " earlier messages left out, no room");
  return prompt;
}

std::string condense_failures(const BoxReport& report, const std::vector<std::string>& ids, size_t limit) {
  // Tests that fail alike are told once: one cause, read ten times, only costs tokens.
  struct Group {
    std::vector<std::string> names;
    std::string text;
  };
  std::vector<Group> groups;
  for (const std::string& id : ids) {
    const Outcome* outcome = outcome_of(report, id);
    if (outcome == nullptr || outcome->passed()) continue;
    std::string message = outcome->message.substr(0, 400);
    std::replace(message.begin(), message.end(), '\n', ' ');
    std::string text = message + "\n";
    // The test's own line only when the error is in it; else the two innermost lines of the project.
    std::vector<Frame> frames;
    for (const Frame& frame : outcome->frames) {
      if (!is_protected_path(frame.file)) frames.push_back(frame);
    }
    if (frames.empty() && !outcome->frames.empty()) frames.push_back(outcome->frames.back());
    for (size_t i = frames.size() > 2 ? frames.size() - 2 : 0; i < frames.size(); ++i) {
      if (!frames[i].code.empty()) text += "    " + frames[i].file + ":" + std::to_string(frames[i].line) + ": " + frames[i].code + "\n";
    }
    std::string name = report.results.contains(id) ? indent_free_name(id) : file_of_test(id) + " (import)";
    auto known = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.text == text; });
    if (known == groups.end()) known = groups.insert(groups.end(), Group{{}, text});
    if (std::find(known->names.begin(), known->names.end(), name) == known->names.end()) known->names.push_back(name);
  }
  std::string out;
  for (size_t i = 0; i < std::min(groups.size(), limit); ++i) {
    std::string names;
    for (size_t k = 0; k < groups[i].names.size() && k < 4; ++k) names += (k > 0 ? ", " : "") + groups[i].names[k];
    if (groups[i].names.size() > 4) names += " and " + std::to_string(groups[i].names.size() - 4) + " more";
    out += "- " + names + ": " + groups[i].text;
  }
  if (groups.size() > limit) out += "[" + std::to_string(groups.size() - limit) + " more kinds of failure not shown]\n";
  return out;
}

std::string only_tests(const std::string& content, const std::vector<std::string>& ids) {
  std::set<std::string> wanted;
  for (const std::string& id : ids) wanted.insert(indent_free_name(id));
  std::string out;
  for (const PythonPiece& piece : outline(content)) {
    std::string_view text = std::string_view(content).substr(piece.begin, piece.end - piece.begin);
    if (piece.kind == PythonPiece::Kind::kMain) continue;
    if (piece.kind == PythonPiece::Kind::kFunction && piece.name.starts_with("test") && !wanted.contains(piece.name)) {
      continue;
    } else if (piece.kind == PythonPiece::Kind::kClass) {
      auto methods = inner_outline(content, piece);
      if (methods.empty()) {
        out += text;
        continue;
      }
      std::string kept;
      bool any = false;
      for (const PythonPiece& method : methods) {
        bool test = method.kind == PythonPiece::Kind::kFunction && method.name.starts_with("test");
        if (test && !wanted.contains(method.name)) continue;
        any = any || test;
        kept += std::string_view(content).substr(method.begin, method.end - method.begin);
      }
      bool has_tests = std::any_of(methods.begin(), methods.end(), [](const PythonPiece& m) { return m.name.starts_with("test"); });
      if (any || !has_tests) out += content.substr(piece.begin, methods.front().begin - piece.begin) + kept;
    } else {
      out += text;
    }
  }
  return out.empty() ? content : out;
}

}  // namespace aicoder::agent
