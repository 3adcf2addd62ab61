#include "agent/plan.h"

#include <algorithm>
#include <cctype>

#include "agent/source_facts.h"

namespace aicoder::agent {
namespace {

constexpr size_t kMaxSteps = 4;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// Words of three letters and more; identifiers are split at underscores.
std::set<std::string> words_of(std::string_view text) {
  static const std::set<std::string> kCommon = {"the",  "and",   "for",    "with", "that", "this",    "add",      "use",
                                                "from", "into",  "should", "make", "file", "python",  "code",     "project",
                                                "test", "tests", "all",    "must", "new",  "feature", "function", "when"};
  std::set<std::string> words;
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    char c = i < text.size() ? text[i] : ' ';
    if (std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      if (word.size() >= 3 && !kCommon.contains(word)) words.insert(word);
      word.clear();
    }
  }
  return words;
}

bool holds_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    auto inside = [&](size_t i) { return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_'); };
    bool left = at == 0 || !inside(at - 1), right = !inside(at + word.size());
    if (left && right) return true;
  }
  return false;
}

bool is_stub(std::string_view content) {
  static constexpr std::string_view kMarks[] = {"raise NotImplementedError", "TODO",  "not written yet", "not implemented",
                                                "unimplemented!(",           "todo!("};
  return std::any_of(std::begin(kMarks), std::end(kMarks),
                     [&](std::string_view mark) { return content.find(mark) != std::string_view::npos; });
}

/// Packages that are missing because they are not installed, not because the project lacks a file.
bool is_known_package(const std::string& module) {
  static const std::set<std::string> kKnown = {
      "numpy",        "pandas",  "requests",   "flask",     "django",  "fastapi", "pytest",   "sqlalchemy", "bcrypt", "jwt",
      "argon2",       "passlib", "werkzeug",   "jinja2",    "yaml",    "scipy",   "torch",    "pydantic",   "httpx",  "aiohttp",
      "cryptography", "click",   "hypothesis", "starlette", "uvicorn", "redis",   "psycopg2", "lxml",       "attr"};
  return kKnown.contains(module.substr(0, module.find('.')));
}

/// The text between the n-th pair of single quotes of a Python error message.
std::string quoted(const std::string& message, size_t n) {
  size_t at = 0;
  for (size_t i = 0;; ++i) {
    size_t open = message.find('\'', at);
    size_t close = open == std::string::npos ? open : message.find('\'', open + 1);
    if (close == std::string::npos) return {};
    if (i == n) return message.substr(open + 1, close - open - 1);
    at = close + 1;
  }
}

class Planner {
 public:
  Planner(const std::string& task, const std::map<std::string, SnapshotFile>& files, const ProjectFacts& facts)
      : task_(task), files_(files), facts_(facts) {}

  bool is_target(const std::string& path) const {
    auto it = files_.find(path);
    const FileFacts* facts = facts_.find(path);
    return it != files_.end() && it->second.editable && facts != nullptr && !facts->is_protected && !facts->language.empty();
  }

  /// How strongly one failing test points at each file.
  std::map<std::string, double> evidence(const std::string& id, const Outcome& outcome, Plan& plan, std::set<std::string>& created) const {
    std::map<std::string, double> score;
    std::string test = file_of_test(id);
    if (outcome.type == "ImportError" || outcome.type == "ModuleNotFoundError") {
      std::string importer = outcome.frames.empty() ? test : outcome.frames.back().file;
      std::string module = outcome.missing.empty() ? quoted(outcome.message, outcome.type == "ImportError" ? 1 : 0) : outcome.missing;
      auto file = facts_.file_of_module(module, importer);
      if (file && is_target(*file)) {
        score[*file] += 10;
      } else if (!file && !module.empty()) {
        if (is_known_package(module)) {
          std::string note = test + " needs the module '" + module + "', which the sandbox does not have";
          if (std::find(plan.notes.begin(), plan.notes.end(), note) == plan.notes.end()) plan.notes.push_back(note);
        } else {
          std::string path = module;
          std::replace(path.begin(), path.end(), '.', '/');
          bool src = std::find(facts_.roots.begin(), facts_.roots.end(), "src") != facts_.roots.end();
          path = (src ? "src/" : "") + path + ".py";
          created.insert(path);
          score[path] += 10;
        }
      }
    }
    if (outcome.type == "ToolMissing") {
      const std::string note = test + " was not run: " + outcome.message;
      if (std::find(plan.notes.begin(), plan.notes.end(), note) == plan.notes.end()) plan.notes.push_back(note);
    }
    if (language_of(test) != "python") {
      // A compiler, a linker or an exception names what is missing or wrong.
      for (const auto& [path, entry] : facts_.files) {
        if (!is_target(path)) continue;
        const double points = path.ends_with(".h") ? 2 : 4;  // declared there, written in the source
        for (const std::string& symbol : entry.symbols)
          score[path] += symbol.size() >= 4 && holds_word(outcome.message, symbol) ? points : 0;
        if (score[path] == 0) score.erase(path);
      }
    }
    if (outcome.type == "AttributeError") {
      std::string owner = quoted(outcome.message, 0);
      auto file = facts_.file_of_module(owner, test);
      if (file && is_target(*file)) score[*file] += 10;
      for (const auto& [path, entry] : facts_.files) {
        if (entry.symbols.contains(owner) && is_target(path)) score[path] += 10;
      }
    }
    for (size_t i = 0; i < outcome.frames.size(); ++i) {
      if (!is_target(outcome.frames[i].file)) continue;
      bool deepest = i + 1 == outcome.frames.size();
      score[outcome.frames[i].file] += deepest ? 8 : 2;
    }
    // An assertion shows no frame of the code it is about: what the test imports, and whose symbols the failing lines name.
    if (const FileFacts* facts = facts_.find(test)) {
      for (const std::string& file : facts->imported_files) {
        if (!is_target(file)) continue;
        score[file] += 1;
        for (const Frame& frame : outcome.frames) {
          for (const std::string& symbol : facts_.find(file)->symbols) {
            if (symbol.find('.') == std::string::npos && holds_word(frame.code, symbol)) score[file] += 2;
          }
        }
        if (is_stub(files_.at(file).content)) score[file] += 2;
      }
    }
    for (auto& [path, value] : score) value += 0.5 * std::min(task_affinity(path), 4.0);
    return score;
  }

  /// How much the task's words speak of this file.
  double task_affinity(const std::string& path) const {
    double score = 0;
    std::string name = path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
    if (task_.find(path) != std::string::npos)
      score += 20;
    else if (holds_word(task_, name))
      score += 15;
    auto it = facts_.files.find(path);
    if (it == facts_.files.end()) return score;
    std::set<std::string> words = words_of(task_);
    std::string stem = lower(name.substr(0, name.rfind('.')));
    for (const std::string& word : words_of(stem)) score += words.contains(word) ? 3 : 0;
    for (const std::string& symbol : it->second.symbols) {
      std::string plain = symbol.substr(symbol.rfind('.') == std::string::npos ? 0 : symbol.rfind('.') + 1);
      if (plain.size() >= 4 && holds_word(task_, plain)) score += 3;
      for (const std::string& word : words_of(lower(plain))) score += words.contains(word) ? 0.5 : 0;
    }
    auto file = files_.find(path);
    if (file != files_.end() && is_stub(file->second.content)) score += 1;
    return score;
  }

 private:
  const std::string& task_;
  const std::map<std::string, SnapshotFile>& files_;
  const ProjectFacts& facts_;
};

/// Imported files first, so that a later step sees what it builds on.
void order_by_imports(std::vector<PlanStep>& steps, const ProjectFacts& facts) {
  std::vector<PlanStep> ordered;
  while (!steps.empty()) {
    auto imports_another = [&](const PlanStep& step) {
      const FileFacts* file = facts.find(step.path);
      return file != nullptr && std::any_of(steps.begin(), steps.end(), [&](const PlanStep& other) {
               return other.path != step.path && file->imported_files.contains(other.path);
             });
    };
    auto next = std::find_if(steps.begin(), steps.end(), [&](const PlanStep& step) { return !imports_another(step); });
    if (next == steps.end()) next = steps.begin();  // a cycle of imports
    ordered.push_back(std::move(*next));
    steps.erase(next);
  }
  steps = std::move(ordered);
}

}  // namespace

std::string file_of_test(const std::string& id) { return id.substr(0, id.find("::")); }

std::vector<std::string> failing_tests(const BoxReport& report) {
  std::set<std::string> failing;
  for (const auto& [id, outcome] : report.results) {
    if (!outcome.passed() && outcome.status != "skipped") failing.insert(id);
  }
  for (const std::string& id : report.collected) {
    if (!report.results.contains(id)) failing.insert(id);
  }
  for (const auto& [file, ids] : report.static_ids) {
    if (report.module_errors.contains(file)) failing.insert(ids.begin(), ids.end());
    if (report.module_errors.contains(file) && ids.empty()) failing.insert(file);
  }
  for (const auto& [file, outcome] : report.module_errors) {
    if (!report.static_ids.contains(file)) failing.insert(file);
  }
  return {failing.begin(), failing.end()};
}

const Outcome* outcome_of(const BoxReport& report, const std::string& id) {
  auto own = report.results.find(id);
  if (own != report.results.end()) return &own->second;
  auto file = report.module_errors.find(file_of_test(id));
  return file == report.module_errors.end() ? nullptr : &file->second;
}

Plan make_plan(const std::string& task, const std::map<std::string, SnapshotFile>& files, const ProjectFacts& facts,
               const BoxReport* baseline) {
  Plan plan;
  Planner planner(task, files, facts);
  std::map<std::string, PlanStep> steps;
  std::map<std::string, double> weight;
  std::set<std::string> created;
  auto step_for = [&](const std::string& path) -> PlanStep& {
    PlanStep& step = steps[path];
    step.path = path;
    step.creates = !files.contains(path);
    return step;
  };
  if (baseline != nullptr) {
    std::map<std::string, std::map<std::string, size_t>> kinds;
    for (const std::string& id : failing_tests(*baseline)) {
      const Outcome* outcome = outcome_of(*baseline, id);
      if (outcome == nullptr) continue;
      auto score = planner.evidence(id, *outcome, plan, created);
      auto best = std::max_element(score.begin(), score.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
      if (best == score.end()) continue;
      for (const auto& [path, value] : score) {
        if (value < best->second * 0.75) continue;
        step_for(path).checks.push_back(id);
        weight[path] += value;
        ++kinds[path][outcome->type.empty() ? outcome->status : outcome->type];
      }
    }
    for (auto& [path, by_kind] : kinds) {
      for (const auto& [kind, n] : by_kind)
        steps[path].reasons.push_back(std::to_string(n) + (n == 1 ? " failing test (" : " failing tests (") + kind + ")");
    }
  }
  const bool tests_point = !steps.empty();
  for (const auto& [path, entry] : facts.files) {
    if (!planner.is_target(path)) continue;
    // Where failing tests point at files already, "use derive_key of key_derivation.h" names one to read: a header, or what only shares its
    // names with the task.
    const bool to_read =
        tests_point && !steps.contains(path) && is_c_like(entry.language) && (path.ends_with(".h") || task.find(path) == std::string::npos);
    double affinity = planner.task_affinity(path);
    if (affinity >= 15 && !to_read) {
      step_for(path).reasons.emplace_back("the task names it");
      weight[path] += 100;
    }
  }
  if (steps.empty()) {
    std::vector<std::pair<double, std::string>> ranked;
    for (const auto& [path, entry] : facts.files) {
      if (planner.is_target(path)) ranked.emplace_back(-planner.task_affinity(path), path);
    }
    std::sort(ranked.begin(), ranked.end());
    bool only = ranked.size() == 1;
    if (!ranked.empty() && (only || ranked.front().first <= -2)) {
      step_for(ranked.front().second).reasons.emplace_back(only ? "the only source file" : "its names are closest to the task's words");
    } else {
      plan.steps.push_back({{}, true, {}, {"no file of the project is named or tested: the model names one"}});
    }
  }
  std::vector<PlanStep> chosen;
  for (auto& [path, step] : steps) chosen.push_back(std::move(step));
  std::sort(chosen.begin(), chosen.end(), [&](const PlanStep& a, const PlanStep& b) { return weight[a.path] > weight[b.path]; });
  for (size_t i = kMaxSteps; i < chosen.size(); ++i)
    plan.notes.push_back(chosen[i].path + " may need a change too; not planned in this run");
  if (chosen.size() > kMaxSteps) chosen.resize(kMaxSteps);
  order_by_imports(chosen, facts);
  plan.steps.insert(plan.steps.end(), chosen.begin(), chosen.end());
  return plan;
}

std::string Plan::text() const {
  std::string out;
  for (size_t i = 0; i < steps.size(); ++i) {
    const PlanStep& step = steps[i];
    out += std::to_string(i + 1) + ". coder: " + (step.path.empty() ? "a new file" : (step.creates ? "write " : "change ") + step.path);
    std::string why;
    for (const std::string& reason : step.reasons) why += (why.empty() ? "" : ", ") + reason;
    if (!why.empty()) out += " (" + why + ")";
    out +=
        step.checks.empty() ? "; checked by all given tests\n" : "; checked by " + std::to_string(step.checks.size()) + " failing tests\n";
  }
  for (const std::string& note : notes) out += "note: " + note + "\n";
  return out;
}

}  // namespace aicoder::agent
