// agent: turns a task into a checked answer: route, plan, act, run in the sandbox, review, retry; edits in a copy, diff, apply, undo.
//
//   aicoder::Agent agent(generator, sandbox, options);
//   auto result = agent.run({.task = "add a login feature", .dir = "."}, observer);
//   if (approved) aicoder::apply_changes(result, dir);               // `aicoder undo` takes it back
//
// Does not talk to a terminal or a network; progress goes to the observer. Never writes into the user's folder before apply_changes.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/adapter.h"
#include "aicoder/sandbox.h"

namespace aicoder {

enum class Mode { kAuto, kDirect, kAgent };
/// "auto", "direct", "agent". \throws Error(kInvalidArgument).
Mode parse_mode(std::string_view name);
std::string_view to_string(Mode mode) noexcept;

/// design, section 12. kVerified: every given test or example, at least one, unmodified by the run, passed in the sandbox on
/// the exact final files. kRan: it ran, but on self-written tests or partly. kNotRun: nothing was run.
enum class Verification { kVerified, kRan, kNotRun };
std::string_view to_string(Verification verification) noexcept;  ///< "verified", "ran", "not_run"

struct RouteDecision {
  Mode mode = Mode::kDirect;         ///< kDirect or kAgent
  std::vector<std::string> reasons;  ///< plain sentences, shown by --why
};
/// First router: rules on features that cost nothing (length, code words, files, tests, tracebacks, examples). Pure.
RouteDecision route(std::string_view task, const std::filesystem::path& dir, Mode asked);

/// The first fenced code block of `language` (or any), tolerant: a missing closing fence, tildes, indented fences, no fence at all
/// when the whole text parses as code. nullopt when there is no code.
std::optional<std::string> extract_code(std::string_view answer, std::string_view language = "python");

/// An example the task itself gives: code that must not fail when run after the solution.
struct Example {
  std::string check;   ///< "assert add(1, 2) == 3"
  std::string source;  ///< "doctest", "assert", "prose"
};
/// Doctests, assert lines, `f(x) == y`, `f(x) -> y`, `f(x) returns y`. Only what parses unambiguously.
std::vector<Example> read_examples(std::string_view task_or_prompt);

struct AgentOptions {
  size_t n_candidates = 4;
  size_t max_repairs = 2;
  size_t max_tokens = 1024;  ///< per answer
  float temperature = 0.8f;  ///< of candidates after the first, which is greedy
  uint32_t seed = 0;
  SandboxLimits limits;
  /// Fragment per role ("coder", "debugger", "security"); a missing role runs on the base.
  std::map<std::string, FragmentChoice> role_fragments;
};
struct TaskRequest {
  std::string task;
  std::filesystem::path dir;  ///< the project; empty: a question or a stand-alone function
  Mode mode = Mode::kAuto;
  std::vector<ChatMessage> history;  ///< earlier turns of a chat
};
struct AgentStep {
  std::string role;      ///< "route", "plan", "coder", "run", "debugger", "security", "review"
  std::string fragment;  ///< "coder:0.2"; empty: base
  size_t tokens = 0;
  double seconds = 0;
  double switch_ms = 0;
  std::string verdict;              ///< sandbox verdict or a short outcome
  std::string detail;               ///< what a person wants to read: plan text, test summary, findings
  std::vector<std::string> drafts;  ///< what the model wrote in this step, word for word; kept in the session file
};
struct FileChange {
  std::string path;                          ///< relative to dir, '/' separators
  std::string diff;                          ///< unified
  std::optional<std::string> before, after;  ///< none: did not exist / deleted
};
struct AgentResult {
  std::string answer;
  Mode mode = Mode::kDirect;
  std::vector<std::string> reasons;
  Verification verification = Verification::kNotRun;
  std::string verification_detail;  ///< "12 of 12 given tests passed", "no test was given"
  std::vector<FileChange> files;
  std::vector<AgentStep> steps;
  std::vector<std::string> findings;  ///< review: static rules and the Security fragment
  size_t tokens = 0;                  ///< prompt and generated
  double seconds = 0;
  std::string sandbox_level;
  std::string session_id;
};
struct AgentObserver {
  std::function<void(const AgentStep&)> on_step_begin, on_step_end;
  std::function<void(std::string_view text)> on_text;  ///< streamed answer or candidate
};

class Agent {
 public:
  /// Borrows both for its lifetime. `runner` may be null for direct answers; then nothing is ever `verified`.
  Agent(TextGenerator& generator, CodeRunner* runner, AgentOptions options);
  /// \throws Error kInvalidArgument (empty task, dir that is no folder), kCancelled, ContextOverflow when even the compressed
  /// prompt does not fit. A model that answers nonsense is an outcome, not an error.
  AgentResult run(const TaskRequest& request, const AgentObserver& observer, const std::stop_token& stop = {});

 private:
  TextGenerator& generator_;
  CodeRunner* runner_;
  AgentOptions options_;
};

/// Writes the changes all or nothing: a file changed since the run started refuses the whole (kFailedPrecondition). The old contents go to
/// the undo journal of `dir` under data_dir()/undo first, so that a kill at any moment leaves files old or new and undo works.
void apply_changes(const AgentResult& result, const std::filesystem::path& dir);
/// Takes back the last applied run of this folder. Returns the paths restored. \throws Error kNotFound (nothing to undo),
/// kFailedPrecondition (a file was edited since; names it).
std::vector<std::string> undo_changes(const std::filesystem::path& dir);

/// Puts back what an apply or undo that was killed left half-done; nothing when there is nothing of the kind. apply_changes and
/// undo_changes do it too; Agent::run refuses such a folder (kFailedPrecondition), because it would work on a mixture.
std::vector<std::string> recover_changes(const std::filesystem::path& dir);

/// Unified diff of two texts, with a/ and b/ names.
std::string unified_diff(std::string_view path, const std::optional<std::string>& before, const std::optional<std::string>& after);

// ---- sessions: one append-only JSONL file each, data_dir()/sessions/ID.jsonl ---------------------------------------------
// The SQLite index over them comes with issue 4 of 8.

struct SessionInfo {
  std::string id;    ///< "20261122-101530-1a2b"
  std::string kind;  ///< "run" or "chat"
  std::string title;
  std::filesystem::path dir;
  std::string model;
  size_t turns = 0;
};
class Session {
 public:
  static Session create(std::string_view kind, std::string_view title, const std::filesystem::path& dir, std::string_view model);
  /// \throws Error kNotFound, kDataLoss naming the line (a torn last line is dropped, not an error).
  static Session open(std::string_view id);
  const SessionInfo& info() const noexcept { return info_; }
  const std::vector<ChatMessage>& messages() const noexcept { return messages_; }
  void append_message(const ChatMessage& message);
  void append_result(const AgentResult& result);
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  Session() = default;
  void append_line(const std::string& json_line);
  SessionInfo info_;
  std::filesystem::path path_;
  std::vector<ChatMessage> messages_;
};
std::vector<SessionInfo> list_sessions();

}  // namespace aicoder
