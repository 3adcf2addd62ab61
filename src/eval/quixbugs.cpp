// QuixBugs (Lin et al. 2017, doi 10.1145/3135932.3135941): programs with one bug each. The Python rows; the prompt shows the program
// and the first half of its cases, all cases grade. Programs over graphs and linked lists have no cases but a driver, and show none.
#include <algorithm>
#include <set>

#include "eval/limited_json.h"
#include "eval/repair_checks.h"
#include "eval/task.h"
#include "eval/task_rows.h"

namespace aicoder::eval {
namespace {

using nlohmann::json;

/// \param tuples lists inside the outermost list become tuples
std::string python_literal(const json& value, bool tuples = false, bool outermost = true) {
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (!value.is_array()) return dump_json(value);  // numbers and strings are written alike
  const bool tuple = tuples && !outermost;
  std::string text(1, tuple ? '(' : '[');
  for (size_t i = 0; i < value.size(); ++i) text += (i > 0 ? ", " : "") + python_literal(value[i], tuples, false);
  if (tuple && value.size() == 1) text += ',';
  return text + (tuple ? ')' : ']');
}

struct Case {
  json arguments, result;
};

/// As Python's syntax for a string: JSON's is the same where nothing is escaped that need not be.
std::string python_string(const std::string& text) { return dump_json(json(text)); }

/// sqrt(x, epsilon) promises epsilon and no more.
bool is_approximate(const std::string& name, const Case& one) { return name == "sqrt" && one.arguments.size() == 2; }

std::string visible_check(const std::string& name, bool is_generator, const Case& one) {
  std::string arguments;
  for (const json& argument : one.arguments) arguments += (arguments.empty() ? "" : ", ") + python_literal(argument);
  std::string call = name + "(" + arguments + ")";
  if (is_generator) call = "list(" + call + ")";
  // hanoi gives pairs, which JSON could only write as lists.
  const std::string result = python_literal(one.result, name == "hanoi");
  if (is_approximate(name, one)) return "assert abs(" + call + " - " + result + ") <= " + python_literal(one.arguments[1]);
  return "assert " + call + " == " + result;
}

/// Two cases on which the fixed program itself computes for more than half a minute, so that they would measure the time limit.
bool is_too_slow(const std::string& name, const Case& one) {
  if (name == "knapsack") return one.arguments[0].is_number() && one.arguments[0].get<double>() > 1e6;
  if (name != "levenshtein") return false;
  return std::any_of(one.arguments.begin(), one.arguments.end(),
                     [](const json& text) { return text.is_string() && text.get<std::string>().size() > 40; });
}

std::vector<Case> read_cases(const TaskRow& row, const std::string& name) {
  std::vector<Case> cases;
  for (const json& value : row.values("testcases")) {
    if (!value.is_array() || value.size() != 2 || !value[0].is_array() || value[0].empty()) {
      row.refuse("expected [[arguments], result] in 'testcases', found " + dump_json(value).substr(0, 60));
    }
    Case one{value[0], value[1]};
    if (!is_too_slow(name, one)) cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace

std::vector<EvalTask> load_quixbugs(const std::filesystem::path& path) {
  std::vector<EvalTask> tasks;
  std::set<std::string> seen;
  for_each_row(path, [&](const TaskRow& row) {
    const std::string language = row.text("language");
    if (language != "python") return;
    EvalTask task;
    task.number = static_cast<int64_t>(tasks.size());
    task.entry_point = row.text("name");
    if (task.entry_point.empty()) row.refuse("'name' is empty");
    task.id = "QuixBugs/" + task.entry_point;
    if (!seen.insert(task.id).second) row.refuse("program \"" + task.entry_point + "\" comes a second time");
    task.kind = TaskKind::kRepair;
    task.prompt = row.text("buggy");
    task.setup = {kRepairChecks};
    const auto cases = read_cases(row, task.entry_point);
    const bool is_generator = task.prompt.find("yield") != std::string::npos;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Case& one = cases[i];
      if (i < cases.size() / 2) task.visible += (i > 0 ? "\n" : "") + visible_check(task.entry_point, is_generator, one);
      const std::string tolerance = is_approximate(task.entry_point, one) ? ", " + python_literal(one.arguments[1]) : "";
      task.tests.push_back("run_case(" + task.entry_point + ", " + python_string(dump_json(json::array({one.arguments, one.result}))) +
                           tolerance + ")");
    }
    if (cases.empty()) {
      const std::string driver = row.has("driver") ? row.text("driver") : "";
      if (driver.empty()) row.refuse("expected 'testcases' or a 'driver', found neither");
      task.tests = {"run_driver(" + python_string(task.entry_point) + ", " + task.entry_point + ", " + python_string(row.text("fixed")) +
                    ", " + python_string(driver) + ")"};
    }
    tasks.push_back(std::move(task));
  });
  return tasks;
}

}  // namespace aicoder::eval
