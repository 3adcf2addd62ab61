// Act: one file a step. The whole file is asked for; what comes back is taken whole, or merged when it is only a part.
#include <algorithm>
#include <utility>

#include "agent/code_blocks.h"
#include "agent/project_run.h"
#include "agent/python_outline.h"
#include "agent/source_facts.h"

namespace aicoder::agent {
namespace {

/// A file named like a module of the standard library would be imported instead of it, by the tests too.
bool shadows_library(const std::string& path) {
  static const std::set<std::string> kModules = {
      "unittest",    "json",       "os",         "sys",       "re",          "hashlib",   "hmac",      "secrets",   "sqlite3",
      "random",      "time",       "datetime",   "typing",    "collections", "functools", "itertools", "math",      "string",
      "io",          "abc",        "logging",    "pathlib",   "types",       "inspect",   "socket",    "ssl",       "http",
      "urllib",      "email",      "subprocess", "threading", "queue",       "tempfile",  "shutil",    "copy",      "enum",
      "dataclasses", "contextlib", "base64",     "struct",    "csv",         "pickle",    "importlib", "traceback", "warnings",
      "weakref",     "gc",         "ast",        "signal",    "select",      "builtins",  "pytest"};
  std::string module = path.substr(0, path.find('/'));
  if (module.ends_with(".py")) module.resize(module.size() - 3);
  return kModules.contains(module);
}

}  // namespace

bool ProjectRun::imports(const std::string& test, const std::string& path) const {
  const FileFacts* facts = facts_.find(test);
  if (facts == nullptr) return false;
  if (facts->imported_files.contains(path)) return true;
  // A file that does not exist yet is imported under the name it will have.
  std::string module = path.substr(0, path.size() - std::min<size_t>(3, path.size()));
  std::replace(module.begin(), module.end(), '/', '.');
  return std::find(facts->imports.begin(), facts->imports.end(), module) != facts->imports.end();
}

std::string ProjectRun::main_language(const std::string& path) const {
  if (const std::string language = language_of(path); !language.empty()) return language;
  const auto& lines = facts_.lines_by_language;
  const auto most = std::max_element(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == lines.end() ? "python" : most->first;
}

std::vector<std::string> ProjectRun::nearest_tests(const std::string& path, const std::vector<std::string>& tests) const {
  std::vector<std::string> near;
  for (const std::string& id : tests) {
    if (imports(file_of_test(id), path)) near.push_back(id);
  }
  return near.empty() ? tests : near;
}

size_t ProjectRun::answer_room(const std::string& path) const {
  size_t room = state_.options.max_tokens;
  std::string text = content(path);
  if (!text.empty()) {
    std::vector<ChatMessage> as_message = {{"user", text}};
    room = std::max(room, state_.generator.count_tokens(as_message) * 5 / 4 + 256);
  }
  return std::min(room, state_.generator.n_ctx_seq() / 2);
}

std::vector<PromptPart> ProjectRun::context_parts(const std::string& path, const std::vector<std::string>& tests, const BoxReport* report) {
  std::vector<PromptPart> parts;
  parts.push_back({"Task: " + state_.request.task + "\n\n", {}, "the task", 0});
  if (const std::string rules = content(std::string(kRulesFile)); !rules.empty()) parts.push_back(rules_part(rules, 3));
  // What this file uses and who uses it, by signatures: a small model gets lost in bodies that it is not asked about, and every
  // token is time on a laptop. A reader sees that they are signatures.
  std::set<std::string> related;
  if (const FileFacts* facts = facts_.find(path)) related = facts->imported_files;
  for (const auto& [edited, text] : edits_) related.insert(edited);
  bool alone = related.empty() || (related.size() == 1 && related.contains(path));
  if (!exists(path) || alone) {
    for (const auto& [other, facts] : facts_.files) {
      if (facts.imported_files.contains(path) && !facts.is_protected) related.insert(other);
    }
  }
  size_t rank = 10;
  for (const std::string& other : related) {
    bool readable = edits_.contains(other) || (workspace_.files().contains(other) && workspace_.files().at(other).editable);
    if (other == path || !readable || is_protected_path(other) || language_of(other).empty()) continue;
    PromptPart part = file_part("Other file", other, content(other), rank++);
    if (!part.reduced.empty()) part.full = std::exchange(part.reduced, {});
    parts.push_back(std::move(part));
  }
  // The tests that point here: those that import the file before those that reach it through others.
  std::map<std::string, std::vector<std::string>> by_file;
  std::vector<std::string> nearest = nearest_tests(path, tests);
  for (const std::string& id : nearest) by_file[file_of_test(id)].push_back(id);
  for (const auto& [test, ids] : by_file) {
    if (!workspace_.files().contains(test)) continue;
    std::string fewer = language_of(test) == "python" ? only_tests(content(test), ids) : content(test);
    bool shortened = fewer.size() < content(test).size();
    std::string note = shortened ? " [shortened: the failing tests only]" : "";
    parts.push_back({"Tests that must pass, " + test + note + ":\n```" + language_of(test) + "\n" + fewer +
                         (fewer.ends_with('\n') ? "" : "\n") + "```\n\n",
                     {},
                     test,
                     5});
  }
  if (exists(path)) parts.push_back(file_part("File to change:", path, content(path), 1));
  if (report != nullptr && !tests.empty()) {
    std::string failures = condense_failures(*report, nearest, 5);
    if (!failures.empty()) parts.push_back({"These tests fail now:\n" + failures + "\n", {}, "the failures", 2});
  }
  return parts;
}

Prompt ProjectRun::write_prompt(Role role, const std::string& path, std::vector<PromptPart> parts, const std::string& ask,
                                size_t max_tokens) {
  parts.push_back({ask, {}, "the request", 0});
  Prompt prompt = fit_prompt(state_.generator, system_prompt(role, state_.korean, main_language(path)), {}, parts, max_tokens);
  if (!path.empty()) {
    prompt.prefix = "```" + language_of(path) + "\n";
    prompt.stop = {"\n```"};
  }
  return prompt;
}

std::map<std::string, std::string> ProjectRun::edits_of(const std::string& text, const std::string& path, std::string& note) {
  std::map<std::string, std::string> result;
  std::vector<std::string> asked;
  if (!path.empty()) asked.push_back(path);
  std::map<std::string, std::string> found = extract_files(text, asked);
  if (path.empty() && found.empty()) {
    auto code = extract_code(text);
    if (code && looks_like_python(*code)) found["main.py"] = *code;
  }
  for (auto& [name, body] : found) {
    std::string clean = clean_relative_path(name);
    auto old = workspace_.files().find(clean);
    bool fresh = old == workspace_.files().end();
    if (clean.empty() || (!fresh && !old->second.editable)) {
      note += "; dropped an edit of '" + name + "', not a path that may be written";
    } else if (is_protected_path(clean) && !(fresh && is_test_path(clean))) {
      note += "; dropped an edit of " + clean + ", which belongs to the given tests";
    } else if (!path.empty() && clean != path) {
      note += "; dropped " + clean + ", not asked for";
    } else if (fresh && shadows_library(clean)) {
      note += "; dropped " + clean + ", it would hide a module of the standard library";
    } else if (is_c_like(language_of(clean)) && exists(clean) && leaves_something_out(body)) {
      note += "; dropped an edit of " + clean + ", which leaves a part of it out";
    } else {
      std::string original = content(clean);
      bool python = clean.ends_with(".py");
      result[clean] = python && !original.empty() && is_partial_answer(original, body) ? merge_python(original, body) : body;
    }
  }
  return result;
}

std::vector<ProjectRun::Scored> ProjectRun::draft(const std::string& role, const Prompt& prompt, const std::string& path, bool greedy,
                                                  size_t n_sampled, size_t max_tokens, const std::vector<std::string>& wanted) {
  state_.begin_step(role);
  std::vector<Draft> drafts =
      state_.ask({.role = role, .prompt = prompt, .greedy = greedy, .n_sampled = n_sampled, .max_tokens = max_tokens, .stream = greedy});
  std::string note;
  std::vector<std::map<std::string, std::string>> fresh;
  size_t unusable = 0, unchanged = 0, repeated = 0;
  for (const Draft& one : drafts) {
    std::map<std::string, std::string> edits = edits_of(one.text, path, note);
    if (edits.empty()) {
      ++unusable;
      continue;
    }
    // Asked for a whole file again, a small model may copy it and forget the change.
    if (std::all_of(edits.begin(), edits.end(),
                    [&](const auto& edit) { return exists(edit.first) && content(edit.first) == edit.second; })) {
      ++unchanged;
      continue;
    }
    std::map<std::string, std::string> all = edits_;
    for (auto& [name, body] : edits) all[name] = std::move(body);
    if (all == edits_ || std::find(fresh.begin(), fresh.end(), all) != fresh.end()) {
      ++repeated;
    } else {
      fresh.push_back(std::move(all));
    }
  }
  std::string detail = std::to_string(drafts.size()) + (drafts.size() == 1 ? " draft" : " drafts") + (path.empty() ? "" : " of " + path);
  for (const std::string& shortened : prompt.notes) detail += "; " + shortened;
  if (unusable > 0) detail += "; " + std::to_string(unusable) + " without a usable file";
  if (unchanged > 0) detail += "; " + std::to_string(unchanged) + " changed nothing";
  if (repeated > 0) detail += "; " + std::to_string(repeated) + " the same as before, not run again";
  state_.end_step(fresh.empty() ? "no code" : "drafted", detail + note);

  std::vector<Scored> scored;
  if (fresh.empty()) return scored;
  state_.begin_step("run");
  std::map<std::string, std::string> sources;
  for (size_t i = 0; i < fresh.size(); ++i) {
    for (const auto& [name, body] : fresh[i]) {
      if (name.ends_with(".py")) sources[std::to_string(i) + "#" + name] = body;
    }
  }
  std::set<std::string> broken_syntax;
  size_t n_broken = 0;
  std::string first_error;
  if (!sources.empty()) {
    BoxReport compiled = run_compile(*state_.runner, {.limits = state_.options.limits}, sources, state_.stop);
    for (const auto& [key, outcome] : compiled.results) {
      if (outcome.passed()) continue;
      broken_syntax.insert(key.substr(0, key.find('#')));
      if (first_error.empty()) first_error = outcome.message;
    }
    n_broken = broken_syntax.size();
  }
  std::string verdict = "no candidate", summary;
  size_t best = 0;
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (broken_syntax.contains(std::to_string(i))) continue;
    Measure m = measure(fresh[i]);
    if (scored.empty() || m.passed > best) {
      best = m.passed;
      verdict = m.report.verdict();
      summary = m.summary;
    }
    scored.push_back({fresh[i], std::move(m)});
    if (fulfils(scored.back().measure, wanted)) break;  // the rest need not run
  }
  if (n_broken > 0)
    summary += (summary.empty() ? "" : "; ") + std::to_string(n_broken) + " of " + std::to_string(fresh.size()) + " do not parse (" +
               first_error + ")";
  state_.end_step(verdict, summary);
  return scored;
}

void ProjectRun::act(const PlanStep& step) {
  // What an earlier step already mended need not be done again.
  if (all_pass() && !edits_.empty() && !step.path.empty() && !step.checks.empty()) return;
  std::vector<std::string> wanted;
  for (const std::string& id : step.checks) {
    if (std::find(now_.failing.begin(), now_.failing.end(), id) != now_.failing.end()) wanted.push_back(id);
  }
  if (wanted.empty() && !step.checks.empty() && !edits_.empty()) return;
  // A file that only the task names: whatever still fails may be about it.
  if (step.checks.empty() && !given_.empty()) wanted = now_.failing;
  // Tests that reach this file only through others may need those changed too: they do not decide about this step.
  wanted = nearest_tests(step.path, wanted);
  size_t room = answer_room(step.path);
  std::string ask;
  if (step.path.empty()) {
    ask = "Write the file that does this. First a line with its path, such as `name.py`, then its complete content in one fenced block.";
  } else if (step.creates) {
    ask = "Write the new file " + step.path + ", complete.";
  } else {
    ask = "Write the complete new content of " + step.path + " so that the task is done. Keep what works.";
  }
  Prompt prompt =
      write_prompt(Role::kCoder, step.path, context_parts(step.path, wanted, given_.empty() ? nullptr : &now_.report), ask, room);
  std::vector<Scored> scored = draft("coder", prompt, step.path, true, 0, room, wanted);
  bool done = !scored.empty() && fulfils(scored.front().measure, wanted);
  if (!done && state_.options.n_candidates > 1) {
    std::vector<Scored> more = draft("coder", prompt, step.path, false, state_.options.n_candidates - 1, room, wanted);
    scored.insert(scored.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  // A step may show no progress by itself: a later file may need it. The last one without progress is still the base for repair.
  accept(scored, true);
}

}  // namespace aicoder::agent
