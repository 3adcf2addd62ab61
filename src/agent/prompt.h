// Prompts, fitted to the context: what does not fit is shortened by rule and says so in the prompt itself. Never a silent cut.
#pragma once

#include <string>
#include <vector>

#include "agent/box_report.h"
#include "aicoder/agent.h"

namespace aicoder::agent {

struct Prompt {
  std::vector<ChatMessage> messages;
  std::string prefix;  ///< what the answer is made to begin with
  std::vector<std::string> stop;
  std::vector<std::string> notes;  ///< "app.py: signatures only"
};

/// A part of the user message. Parts with a higher rank are shortened first; rank 0 never.
struct PromptPart {
  std::string full, reduced;  ///< `reduced` may be empty: then it is left out at once
  std::string name;           ///< for the note
  size_t rank = 0;
};

enum class Role { kCoder, kDebugger, kSecurity, kAssistant };
/// `language` as language_of names it.
std::string system_prompt(Role role, bool korean, std::string_view language = "python");

/// \throws ContextOverflow when even the shortest form leaves no room for max_tokens.
Prompt fit_prompt(TextGenerator& generator, const std::string& system, const std::vector<ChatMessage>& history,
                  std::vector<PromptPart> parts, size_t max_tokens);

/// "File users.py:\n```python\n...```\n\n" with its signatures as the reduced form.
PromptPart file_part(const std::string& title, const std::string& path, const std::string& content, size_t rank);

/// What the project asks of whoever changes it: its AGENTS.md, fenced, for it is data of the project. Reduced to its first lines, and says
/// so.
inline constexpr std::string_view kRulesFile = "AGENTS.md";
PromptPart rules_part(const std::string& content, size_t rank);

/// A fence longer than any in the text, so that a file with ``` in it stays one block.
std::string fence_for(std::string_view text);

/// Failing tests as a small model can use them: name, message, the project's own line. At most `limit` of them.
std::string condense_failures(const BoxReport& report, const std::vector<std::string>& ids, size_t limit);

/// Of a test file only the imports, set-up and the named tests; the whole text when it has no such structure.
std::string only_tests(const std::string& content, const std::vector<std::string>& ids);

}  // namespace aicoder::agent
