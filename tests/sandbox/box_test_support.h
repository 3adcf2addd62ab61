// What the tests with real boxes share.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "aicoder/sandbox.h"
#include "aicoder/sandbox/attack.h"
#include "support/test_model.h"

namespace aicoder::test {

/// Small limits, so that attacks end soon.
inline SandboxRequest boxed(std::vector<std::string> argv) {
  SandboxRequest request;
  request.argv = std::move(argv);
  request.limits.memory_bytes = uint64_t{128} << 20;
  request.limits.scratch_bytes = uint64_t{4} << 20;
  request.limits.file_bytes = uint64_t{1} << 20;
  request.limits.output_bytes = 100'000;
  request.limits.processes = 16;
  return request;
}
inline SandboxRequest python(const std::string& code) { return boxed({"python3", "-c", code}); }

/// The same program on the host, with nothing around it: the positive control of an attack.
inline HostProcessResult outside(const SandboxRequest& request, const std::filesystem::path& cwd = {}) {
  return run_host_process({.argv = request.argv, .cwd = cwd, .timeout = std::chrono::seconds(60)});
}

inline std::string describe(const SandboxResult& result) {
  return std::string(to_string(result.verdict)) + " exit " + std::to_string(result.exit_code) + ": " + result.detail +
         "\nout: " + result.out + "\nerr: " + result.err;
}

inline std::string table(const AttackReport& report) {
  std::string text;
  for (const AttackResult& attack : report.attacks) {
    text +=
        std::string(to_string(attack.outcome)) + " " + attack.name + " | outside: " + attack.outside + " | inside: " + attack.inside + "\n";
  }
  return text;
}

/// Processes of this machine whose command line holds the text.
inline std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    std::stringstream line;
    line << file.rdbuf();
    if (line.str().find(text) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

/// A number of seconds that no other process of this machine sleeps.
inline std::string marker(int which) { return std::to_string(100'000'000L + ::getpid() % 100'000 * 100L + which); }

/// Waits for processes with the text to come or go; never decides by time, only gives up after a minute.
inline bool settles(const std::string& text, bool present) {
  for (int i = 0; i < 6000; ++i) {
    if (processes_with(text).empty() != present) return true;
    ::usleep(10'000);
  }
  return false;
}

inline size_t entries_of(const std::filesystem::path& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

}  // namespace aicoder::test

#define EXPECT_VERDICT(result, expected) EXPECT_EQ(::aicoder::to_string((result).verdict), (expected)) << ::aicoder::test::describe(result)
