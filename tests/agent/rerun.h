// An independent judge of a finished run: the folder's own tests, run by plain unittest in a fresh box, without our runner.
#pragma once

#include <gtest/gtest.h>

#include "agent/fakes.h"
#include "aicoder/sandbox.h"
#include "support/test_model.h"

namespace aicoder::test {

struct Rerun {
  bool passed = false;
  std::string out;
};
inline Rerun rerun_tests(const std::filesystem::path& dir, const std::map<std::string, std::string>& more = {},
                         const std::vector<std::string>& what = {"discover", "-s", "tests", "-t", "."}) {
  Sandbox box;
  SandboxRequest request;
  request.argv = {"python3", "-B", "-m", "unittest"};
  request.argv.insert(request.argv.end(), what.begin(), what.end());
  request.dir = dir;
  request.files = more;
  request.limits.cpu = std::chrono::seconds(60);
  request.limits.wall = std::chrono::seconds(240);
  SandboxResult result = box.run(request);
  bool ran = result.err.find("\nRan ") != std::string::npos && result.err.find("\nRan 0 ") == std::string::npos;
  return {result.verdict == Verdict::kOk && result.exit_code == 0 && ran, result.out + result.err};
}

inline std::string source_file(const std::string& path) { return read_file(std::filesystem::path(AICODER_SOURCE_DIR) / path); }

/// What `verified` promises: applied to a copy of the project, its own tests, untouched, pass.
inline void expect_honest(const AgentResult& result, const std::filesystem::path& project) {
  if (result.verification != Verification::kVerified) return;
  TempDir copy;
  std::filesystem::copy(project, copy.path(), std::filesystem::copy_options::recursive);
  apply_changes(result, copy.path());
  Rerun rerun = rerun_tests(copy.path());
  EXPECT_TRUE(rerun.passed) << "a false 'verified'\n" << rerun.out;
}

}  // namespace aicoder::test
