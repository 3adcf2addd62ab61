#include "agent/other_languages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/box_python.h"
#include "agent/runner_source.h"

namespace aicoder::agent {
namespace {

using nlohmann::json;

bool has_file(const ProjectFacts& facts, std::string_view path) { return facts.files.contains(std::string(path)); }

/// Compilers need more than one function of Python does; the user's own limits hold where they are wider.
SandboxLimits compiler_limits() {
  SandboxLimits limits;
  limits.cpu = std::chrono::seconds(180);
  limits.wall = std::chrono::seconds(120);
  limits.memory_bytes = uint64_t{3} << 30;
  limits.processes = 256;
  limits.file_bytes = uint64_t{256} << 20;
  limits.scratch_bytes = uint64_t{1} << 30;
  return limits;
}

SandboxLimits wider(const SandboxLimits& a, const SandboxLimits& b) {
  SandboxLimits limits = a;
  limits.cpu = std::max(a.cpu, b.cpu);
  limits.wall = std::max(a.wall, b.wall);
  limits.memory_bytes = std::max(a.memory_bytes, b.memory_bytes);
  limits.processes = std::max(a.processes, b.processes);
  limits.file_bytes = std::max(a.file_bytes, b.file_bytes);
  limits.scratch_bytes = std::max(a.scratch_bytes, b.scratch_bytes);
  return limits;
}

BoxReport run(CodeRunner& runner, const BoxJob& job, const ProjectTools& tools, const std::filesystem::path& project, const char* mode,
              const std::vector<std::string>& files, const std::stop_token& stop) {
  BoxJob wide = job;
  wide.limits = wider(job.limits, tools.limits);
  wide.programs = tools.programs;
  json spec = {{"toolchain", tools.name}, {"mode", mode}, {"files", files}, {"node_modules", ""}};
  std::error_code error;
  const std::filesystem::path packages = std::filesystem::canonical(project / "node_modules", error);
  if (!error && (tools.name == "node" || tools.name == "typescript") && std::filesystem::is_directory(packages, error)) {
    wide.read_only.push_back(packages);
    spec["node_modules"] = packages.string();
  }
  return report_from_box(runner, wide, kProjectRunnerSource, spec, stop);
}

/// Adds `more` to `sum`; the worse end of the two is the end of both.
void merge(BoxReport& sum, BoxReport more, bool first) {
  if (first) {
    sum = std::move(more);
    return;
  }
  if (sum.box.verdict == Verdict::kOk) sum.box = std::move(more.box);
  sum.done = sum.done && more.done;
  sum.results.merge(more.results);
  sum.module_errors.merge(more.module_errors);
  sum.collected.merge(more.collected);
  sum.static_ids.merge(more.static_ids);
  sum.tampered.insert(sum.tampered.end(), more.tampered.begin(), more.tampered.end());
  sum.log += more.log;
  if (!more.framework.empty()) sum.framework += (sum.framework.empty() ? "" : ", ") + more.framework;
}

std::vector<std::string> of_language(const std::vector<std::string>& paths, std::initializer_list<std::string_view> languages) {
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    if (std::find(languages.begin(), languages.end(), language_of(path)) != languages.end()) out.push_back(path);
  }
  return out;
}

}  // namespace

std::vector<ProjectTools> tools_of(const ProjectFacts& facts) {
  std::vector<ProjectTools> tools;
  const auto add = [&](std::string name, std::string language, std::vector<std::string> programs, std::vector<std::string> tests) {
    tools.push_back({std::move(name), std::move(language), std::move(programs), std::move(tests), compiler_limits()});
  };
  const auto c_tests = of_language(facts.test_files, {"c", "c++"});
  if (has_file(facts, "CMakeLists.txt")) {
    add("cmake", "c++", {"cmake", "ctest", "g++"}, c_tests);
  } else if (!c_tests.empty() && (has_file(facts, "Makefile") || has_file(facts, "makefile") || has_file(facts, "GNUmakefile"))) {
    add("make", "c++", {"make", "g++"}, c_tests);
  }
  const auto ts_tests = of_language(facts.test_files, {"typescript"});
  const auto js_tests = of_language(facts.test_files, {"javascript"});
  if (has_file(facts, "tsconfig.json") || !ts_tests.empty()) add("typescript", "typescript", {"node", "npm"}, ts_tests);
  if (!js_tests.empty() || (has_file(facts, "package.json") && tools.empty())) add("node", "javascript", {"node", "npm"}, js_tests);
  if (has_file(facts, "go.mod")) add("go", "go", {"go"}, of_language(facts.test_files, {"go"}));
  if (has_file(facts, "Cargo.toml")) add("cargo", "rust", {"cargo", "rustc"}, of_language(facts.test_files, {"rust"}));
  return tools;
}

BoxReport run_given_tests(CodeRunner& runner, const BoxJob& job, const ProjectFacts& facts, const std::filesystem::path& project,
                          const std::stop_token& stop) {
  BoxReport report;
  bool first = true;
  if (const auto python = of_language(facts.test_files, {"python"}); !python.empty()) {
    merge(report, run_tests(runner, job, python, facts.roots, stop), std::exchange(first, false));
  }
  for (const ProjectTools& tools : tools_of(facts)) {
    if (tools.test_files.empty()) continue;
    merge(report, run(runner, job, tools, project, "tests", tools.test_files, stop), std::exchange(first, false));
  }
  return report;
}

BoxReport check_changed_files(CodeRunner& runner, const BoxJob& job, const ProjectFacts& facts, const std::filesystem::path& project,
                              const std::stop_token& stop) {
  std::vector<std::string> changed;
  for (const auto& [path, text] : job.files) {
    if (!is_protected_path(path)) changed.push_back(path);
  }
  BoxReport report;
  bool first = true;
  if (const auto python = of_language(changed, {"python"}); !python.empty()) {
    merge(report, run_imports(runner, job, python, facts.roots, stop), std::exchange(first, false));
  }
  std::vector<ProjectTools> all = tools_of(facts);
  const auto knows = [&](std::string_view language) {
    return std::any_of(all.begin(), all.end(), [&](const ProjectTools& tools) { return tools.language == language; });
  };
  // A lone file needs no build files to be looked at by its compiler.
  if (!knows("c++") && !of_language(changed, {"c", "c++"}).empty()) all.push_back({"make", "c++", {"g++", "gcc"}, {}, compiler_limits()});
  if (!knows("javascript") && !of_language(changed, {"javascript"}).empty())
    all.push_back({"node", "javascript", {"node"}, {}, compiler_limits()});
  for (const ProjectTools& tools : all) {
    const auto mine = tools.language == "c++" ? of_language(changed, {"c", "c++"}) : of_language(changed, {tools.language});
    if (!mine.empty()) merge(report, run(runner, job, tools, project, "check", mine, stop), std::exchange(first, false));
  }
  return report;
}

}  // namespace aicoder::agent
