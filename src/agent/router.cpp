// The first router: rules on what costs nothing to look at. Each rule says in words why it voted, for --why.
#include <algorithm>
#include <cctype>

#include "agent/project_facts.h"
#include "agent/value_question.h"
#include "aicoder/agent.h"

namespace aicoder {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// ASCII words must stand alone; Korean stems carry endings, so they match anywhere.
bool has_any(const std::string& text, std::initializer_list<std::string_view> words, std::string& hit) {
  auto inside = [&](size_t i) { return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])); };
  for (std::string_view word : words) {
    bool ascii = static_cast<unsigned char>(word.front()) < 0x80;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
      if (ascii && ((at > 0 && inside(at - 1)) || inside(at + word.size()))) continue;
      hit = std::string(word);
      return true;
    }
  }
  return false;
}

struct FolderLook {
  size_t sources = 0, tests = 0;
};
FolderLook look_at(const std::filesystem::path& dir) {
  FolderLook look;
  std::error_code error;
  size_t seen = 0;
  auto options = std::filesystem::directory_options::skip_permission_denied;
  for (std::filesystem::recursive_directory_iterator it(dir, options, error), end; !error && it != end && seen < 5000;
       it.increment(error), ++seen) {
    std::string name = it->path().filename().string();
    if (it->is_directory(error) && (name.starts_with('.') || name == "node_modules" || name == "venv" || name == "build")) {
      it.disable_recursion_pending();
      continue;
    }
    look.sources += !agent::language_of(name).empty();
    look.tests += agent::is_test_path(name);
  }
  return look;
}

}  // namespace

Mode parse_mode(std::string_view name) {
  if (name == "auto") return Mode::kAuto;
  if (name == "direct") return Mode::kDirect;
  if (name == "agent") return Mode::kAgent;
  throw Error(ErrorCode::kInvalidArgument, "[agent] mode is '" + to_valid_utf8(name) + "', expected auto, direct or agent", "--mode auto");
}

std::string_view to_string(Mode mode) noexcept {
  switch (mode) {
    case Mode::kAuto:
      return "auto";
    case Mode::kDirect:
      return "direct";
    case Mode::kAgent:
      return "agent";
  }
  return "auto";
}

std::string_view to_string(Verification verification) noexcept {
  switch (verification) {
    case Verification::kVerified:
      return "verified";
    case Verification::kRan:
      return "ran";
    case Verification::kNotRun:
      return "not_run";
  }
  return "not_run";
}

RouteDecision route(std::string_view task, const std::filesystem::path& dir, Mode asked) {
  RouteDecision decision;
  if (asked != Mode::kAuto) {
    decision.mode = asked;
    decision.reasons.push_back("You asked for the " + std::string(to_string(asked)) + " path.");
    return decision;
  }
  std::string text = lower(task), hit;
  std::vector<std::string> agent, direct;
  size_t n_examples = read_examples(task).size();
  if (n_examples > 0) {
    agent.push_back("The task gives " + std::to_string(n_examples) + (n_examples == 1 ? " example" : " examples") +
                    " that an answer can be run against.");
  }
  if (text.find("traceback (most recent call last)") != std::string::npos) agent.emplace_back("The task shows a traceback.");
  bool change = has_any(text, {"add",    "implement", "fix",     "change",  "refactor", "write",    "create", "make", "update",
                               "rename", "remove",    "replace", "support", "repair",   "complete", "추가",   "구현", "수정",
                               "고쳐",   "고치",      "만들",    "작성",    "변경",     "삭제",     "바꿔",   "리팩"},
                        hit);
  bool asks = has_any(
      text, {"what", "why", "how", "explain", "describe", "which", "who", "when", "설명", "무엇", "뭐", "왜", "어떻게", "알려"}, hit);
  bool leads_with_question =
      asks && (text.find('?') != std::string::npos || text.find("설명") != std::string::npos || text.find("explain") != std::string::npos);
  if (!dir.empty()) {
    FolderLook look = look_at(dir);
    if (change && !leads_with_question) {
      agent.push_back("The task asks for a change in a project of " + std::to_string(look.sources) + " source files and " +
                      std::to_string(look.tests) + " test files.");
    } else {
      direct.emplace_back("The task asks about the project and for no change in it.");
    }
  } else if (agent.empty() && agent::asks_for_value(task) && !agent::asks_for_code(task)) {
    agent.emplace_back("The task asks for a number, which reasoning in words and a program can find apart from each other.");
  } else if (agent.empty()) {
    direct.emplace_back(change ? "One piece of code is asked for, and no example or test is given that it could be run against."
                               : "The task asks for no change and gives nothing to run.");
  }
  decision.mode = agent.empty() ? Mode::kDirect : Mode::kAgent;
  decision.reasons = agent.empty() ? direct : agent;
  return decision;
}

}  // namespace aicoder
