#include "eval/bandit.h"

#include <fmt/format.h>

#include <optional>

#include "aicoder/core.h"
#include "eval/limited_json.h"

namespace aicoder::eval {
namespace {

using nlohmann::json;

constexpr const char* kInstall = "scripts/setup/python.sh bandit";

/// The newest of deps_dir()/python-bandit-*/bin/bandit; nullopt where there is none.
std::optional<std::filesystem::path> cached_bandit() {
  std::optional<std::filesystem::path> newest;
  std::filesystem::file_time_type newest_time;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(deps_dir(), error)) {
    if (!entry.path().filename().string().starts_with("python-bandit-")) continue;
    std::error_code missing;
    const auto time = std::filesystem::last_write_time(entry.path() / ".complete", missing);
    if (missing || (newest && time <= newest_time)) continue;
    newest = entry.path() / "bin" / "bandit";
    newest_time = time;
  }
  return newest;
}

HostProcess call(const std::filesystem::path& program, std::initializer_list<std::string> arguments) {
  HostProcess process;
  process.argv = {program.string()};
  process.argv.insert(process.argv.end(), arguments);
  process.timeout = std::chrono::minutes(2);
  return process;
}

/// "bandit 1.9.4"; nullopt where there is no such program or it does not run (a shim without what it stands for).
std::optional<std::string> version_of(const std::filesystem::path& program) {
  try {
    const auto result = run_host_process(call(program, {"--version"}));
    const std::string line = result.out.substr(0, result.out.find('\n'));
    const size_t at = line.rfind("bandit ");
    if (result.exit_code != 0 || at == std::string::npos) return std::nullopt;
    return line.substr(at);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kFailedPrecondition) throw;
    return std::nullopt;
  }
}

BanditReport read_output(const json& output) {
  BanditReport report;
  const json& errors = output.at("errors");
  if (!errors.empty()) {
    report.reason = errors.front().value("reason", "");
    return report;
  }
  report.scanned = true;
  for (const auto& finding : output.at("results")) {
    const auto severity = finding.at("issue_severity").get<std::string>();
    ++(severity == "HIGH" ? report.high : severity == "MEDIUM" ? report.medium : report.low);
    if (severity != "HIGH" && severity != "MEDIUM") continue;
    report.findings.push_back(
        fmt::format("{} {} line {}", finding.at("test_id").get<std::string>(), severity, finding.at("line_number").get<int64_t>()));
  }
  return report;
}

}  // namespace

Bandit::Bandit(const std::filesystem::path& asked) {
  std::vector<std::filesystem::path> places = {asked};
  if (asked.empty()) {
    places = {"bandit"};
    if (const auto cached = cached_bandit()) places.push_back(*cached);
  }
  for (const auto& place : places) {
    if (const auto version = version_of(place)) {
      program_ = place;
      version_ = *version;
      return;
    }
  }
  throw Error(ErrorCode::kNotFound,
              asked.empty() ? "[bandit] no bandit that runs, neither on PATH nor in " + deps_dir().string()
                            : "[bandit] " + asked.string() + " is no bandit that runs",
              kInstall);
}

BanditReport Bandit::scan(const std::string& program, const std::stop_token& stop) const {
  HostProcess process = call(program_, {"-q", "-f", "json", "--ignore-nosec", "-"});
  process.stdin_text = program;
  const auto result = run_host_process(process, stop);
  const json output = parse_limited_json(result.out);
  try {
    // 1: there are findings.
    if (!result.timed_out && (result.exit_code == 0 || result.exit_code == 1) && output.is_object()) return read_output(output);
  } catch (const json::exception&) {
    // Falls through to the refusal below: it is no report of bandit.
  }
  throw Error(ErrorCode::kUnavailable,
              fmt::format("[bandit] {} ended with exit code {} and no report: {}", program_.string(), result.exit_code,
                          to_valid_utf8(result.err.substr(0, 300))),
              kInstall);
}

}  // namespace aicoder::eval
