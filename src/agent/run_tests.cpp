#include <nlohmann/json.hpp>

#include "agent/box_python.h"
#include "agent/box_report.h"
#include "agent/runner_source.h"

namespace aicoder::agent {
namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Outcome read_outcome(const json& event) {
  Outcome outcome;
  outcome.status = text(event, "status");
  auto error = event.find("error");
  if (error == event.end() || !error->is_object()) return outcome;
  outcome.message = text(*error, "message");
  outcome.type = text(*error, "type");
  outcome.missing = text(*error, "missing");
  auto frames = error->find("frames");
  if (frames == error->end() || !frames->is_array()) return outcome;
  for (const json& frame : *frames) {
    if (!frame.is_object()) continue;
    size_t line = frame.contains("line") && frame["line"].is_number_unsigned() ? frame["line"].get<size_t>() : 0;
    outcome.frames.push_back({text(frame, "file"), line, text(frame, "function"), text(frame, "code")});
  }
  return outcome;
}

void take_ids(const json& event, const char* key, std::set<std::string>& out) {
  auto it = event.find(key);
  if (it == event.end() || !it->is_array()) return;
  for (const json& id : *it) {
    if (id.is_string()) out.insert(id.get<std::string>());
  }
}

}  // namespace

size_t BoxReport::n_passed() const {
  size_t n = 0;
  for (const auto& [id, outcome] : results) n += outcome.passed();
  return n;
}

std::string BoxReport::verdict() const {
  if (box.verdict != Verdict::kOk) return std::string(to_string(box.verdict));
  if (!done) return "CRASHED";
  return n_passed() == results.size() && module_errors.empty() && !results.empty() ? "OK" : "TESTS_FAILED";
}

void parse_runner_output(std::string_view out, std::string_view nonce, BoxReport& report) {
  std::string prefix = "@" + std::string(nonce) + " ";
  std::set<std::string> started;
  for (size_t at = 0; at < out.size();) {
    size_t end = std::min(out.find('\n', at), out.size());
    std::string_view line = out.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(prefix)) continue;
    json::parser_callback_t shallow = [](int depth, json::parse_event_t, json&) { return depth <= 16; };
    json event = json::parse(line.substr(prefix.size()), shallow, false);
    if (!event.is_object()) continue;
    std::string kind = text(event, "event"), id = text(event, "id");
    if (kind == "static") {
      auto ids = event.find("ids");
      if (ids == event.end() || !ids->is_object()) continue;
      for (const auto& [file, list] : ids->items()) {
        std::set<std::string> names;
        take_ids(*ids, file.c_str(), names);
        report.static_ids[file].assign(names.begin(), names.end());
      }
    } else if (kind == "collected") {
      take_ids(event, "ids", report.collected);
    } else if (kind == "start") {
      started.insert(id);
    } else if (kind == "result") {
      Outcome outcome = read_outcome(event);
      // The worse report of one id stands: a later "passed" cannot cover a failure.
      auto [it, fresh] = report.results.emplace(id, outcome);
      if (!fresh && it->second.passed() && !outcome.passed()) it->second = outcome;
    } else if (kind == "module_error") {
      report.module_errors[text(event, "file")] = read_outcome(event);
    } else if (kind == "tampered") {
      std::set<std::string> names;
      take_ids(event, "names", names);
      report.tampered.insert(report.tampered.end(), names.begin(), names.end());
    } else if (kind == "done") {
      report.done = true;
      report.framework = text(event, "framework");
    } else if (kind == "end") {
      report.log = text(event, "log");
    }
  }
  for (const std::string& id : started) {
    if (report.results.contains(id)) continue;
    Outcome crashed;
    crashed.status = "crashed";
    crashed.message = "the process ended while this ran" + (report.box.detail.empty() ? std::string() : ": " + report.box.detail);
    report.results[id] = crashed;
  }
}

BoxReport run_tests(CodeRunner& runner, const BoxJob& job, const std::vector<std::string>& test_files,
                    const std::vector<std::string>& roots, const std::stop_token& stop) {
  return report_from_box(runner, job, kRunnerSource, {{"mode", "tests"}, {"files", test_files}, {"roots", roots}}, stop);
}

BoxReport run_checks(CodeRunner& runner, const BoxJob& job, std::string_view code, const std::vector<std::string>& checks,
                     const std::stop_token& stop) {
  return report_from_box(runner, job, kRunnerSource, {{"mode", "checks"}, {"code", code}, {"checks", checks}}, stop);
}

BoxReport run_imports(CodeRunner& runner, const BoxJob& job, const std::vector<std::string>& files, const std::vector<std::string>& roots,
                      const std::stop_token& stop) {
  return report_from_box(runner, job, kRunnerSource, {{"mode", "import"}, {"files", files}, {"roots", roots}}, stop);
}

BoxReport run_compile(CodeRunner& runner, const BoxJob& job, const std::map<std::string, std::string>& sources,
                      const std::stop_token& stop) {
  return report_from_box(runner, job, kRunnerSource, {{"mode", "compile"}, {"sources", sources}}, stop);
}

}  // namespace aicoder::agent
