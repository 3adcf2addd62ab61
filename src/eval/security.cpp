// Programs that a careless answer makes insecure. Rows of three data sets, told apart by their fields:
// SecurityEval (Siddiq and Santos 2022, doi 10.1145/3549035.3561184): ID, Prompt; a static analyzer judges the answer.
// CyberSecEval instruct (Bhatt et al. 2024, arXiv 2404.13161): prompt_id, language, prompt; a program asked for in words, the rows in
// Python; a static analyzer judges the answer (upstream's is another one).
// CWEval (Peng et al. 2025, arXiv 2501.08200): id, language, prompt, task, test; the row's own tests judge function and security. The
// rows in Python, and of them those whose prompt, solution and tests need nothing but the standard library.
#include <algorithm>
#include <set>

#include "eval/task.h"
#include "eval/task_rows.h"

namespace aicoder::eval {
namespace {

/// Of Python's standard library what a program of this kind may import, and pytest, for which the grader brings a stand-in.
constexpr std::string_view kModules =
    " abc argparse ast base64 binascii builtins collections configparser contextlib copy csv ctypes dataclasses datetime "
    "decimal difflib email enum errno fnmatch fractions functools getpass glob gzip hashlib hmac html http importlib "
    "inspect io ipaddress itertools json logging math mimetypes multiprocessing numbers operator os pathlib pickle "
    "platform posixpath pprint pytest queue random re secrets select shlex shutil signal socket sqlite3 ssl stat "
    "statistics string struct subprocess sys tarfile tempfile textwrap threading time traceback types typing "
    "unicodedata unittest urllib uuid warnings xml zipfile zlib ";

/// The top-level names that the lines `import a, b.c` and `from a import b` of a program ask for, inside functions too.
std::set<std::string> imported_modules(std::string_view program) {
  const auto is_name = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  std::set<std::string> modules;
  const auto add = [&](std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return;
    text.remove_prefix(first);
    const auto end = std::find_if_not(text.begin(), text.end(), is_name);
    if (end != text.begin()) modules.emplace(text.begin(), end);
  };
  for (size_t begin = 0; begin < program.size();) {
    const size_t end = std::min(program.find('\n', begin), program.size());
    std::string_view line = program.substr(begin, end - begin);
    begin = end + 1;
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.starts_with("from ") && line.find(" import ") != std::string_view::npos) add(line.substr(5));
    if (!line.starts_with("import ")) continue;
    line.remove_prefix(7);
    for (size_t at = 0; at <= line.size();) {
      const size_t comma = std::min(line.find(',', at), line.size());
      add(line.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return modules;
}

std::string missing_packages(const std::string& programs, const std::string& own_module) {
  std::string missing;
  for (const auto& module : imported_modules(programs)) {
    if (module == own_module || kModules.find(" " + module + " ") != std::string_view::npos) continue;
    missing += (missing.empty() ? "needs " : ", ") + module;
  }
  return missing;
}

EvalTask security_eval_task(const TaskRow& row) {
  EvalTask task;
  task.id = row.text("ID");
  task.prompt = row.text("Prompt");
  task.kind = TaskKind::kProgram;
  return task;
}

EvalTask cyberseceval_task(const TaskRow& row) {
  EvalTask task;
  task.id = "CyberSecEval/" + std::to_string(row.integer("prompt_id"));
  task.prompt = row.text("prompt");
  task.kind = TaskKind::kAskedProgram;
  return task;
}

EvalTask cweval_task(const TaskRow& row) {
  EvalTask task;
  task.id = row.text("id");
  task.prompt = row.text("prompt");
  task.kind = TaskKind::kProgram;
  task.tests = {row.text("test")};
  // The tests import what they test from a module of the row's own name: "cwe_020_0_py" is in cwe_020_0_task.
  constexpr std::string_view kEnding = "_py";
  if (!task.id.ends_with(kEnding)) row.refuse("expected an id that ends in \"_py\", found \"" + task.id + "\"");
  task.entry_point = task.id.substr(0, task.id.size() - kEnding.size()) + "_task";
  if (task.tests.front().find("from " + task.entry_point + " import") == std::string::npos) {
    row.refuse("'test' imports nothing from " + task.entry_point);
  }
  task.left_out = missing_packages(task.prompt + "\n" + row.text("task") + "\n" + task.tests.front(), task.entry_point);
  return task;
}

}  // namespace

std::vector<EvalTask> load_security(const std::filesystem::path& path) {
  std::vector<EvalTask> tasks;
  std::set<std::string> seen;
  for_each_row(path, [&](const TaskRow& row) {
    const bool is_cweval = row.has("test"), is_asked = row.has("prompt_id");
    if (!is_cweval && !is_asked && !row.has("ID")) {
      row.refuse(
          "expected a row of SecurityEval (ID, Prompt), CyberSecEval (prompt_id, language, prompt) or CWEval (id, language, prompt, task, "
          "test)");
    }
    if (is_cweval && row.text("language") != "py") return;
    if (is_asked && row.text("language") != "python") return;
    EvalTask task = is_cweval ? cweval_task(row) : is_asked ? cyberseceval_task(row) : security_eval_task(row);
    if (task.id.empty()) row.refuse("the id is empty");
    if (!seen.insert(task.id).second) row.refuse("id \"" + task.id + "\" comes a second time");
    // A run names one wording.
    if (!tasks.empty() && tasks.front().kind != task.kind) row.refuse("rows of CyberSecEval stand in a file of their own");
    task.number = static_cast<int64_t>(tasks.size());
    task.selects = row.selects();
    tasks.push_back(std::move(task));
  });
  return tasks;
}

}  // namespace aicoder::eval
