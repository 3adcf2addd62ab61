#include <gtest/gtest.h>

#include <thread>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

HostProcessResult shell(const std::string& script, std::string input = {}) {
  return run_host_process({.argv = {"sh", "-c", script}, .stdin_text = std::move(input)});
}

TEST(HostProcess, ReturnsOutputErrorAndExitCode) {
  const auto result = shell("echo out; echo err >&2; exit 7");
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.exit_code, 7);
}

TEST(HostProcess, FeedsMoreInputThanAPipeHolds) {
  const std::string text(1 << 20, 'x');
  EXPECT_EQ(shell("cat", text).out, text);
}

TEST(HostProcess, SurvivesAProgramThatReadsNoInput) { EXPECT_EQ(shell("exit 0", std::string(1 << 20, 'x')).exit_code, 0); }

TEST(HostProcess, SignalsAreReportedAs128Plus) { EXPECT_EQ(shell("kill -9 $$").exit_code, 128 + 9); }

TEST(HostProcess, TimeOutKillsTheWholeGroup) {
  const auto result = run_host_process({.argv = {"sh", "-c", "sleep 100 & sleep 100"}, .timeout = std::chrono::milliseconds(100)});
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + 9);
}

TEST(HostProcess, DoesNotWaitForAGrandchildThatKeepsThePipe) { EXPECT_EQ(shell("sleep 60 & echo done").out, "done\n"); }

TEST(HostProcess, StopIsReportedAsCancelled) {
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  EXPECT_ERROR(run_host_process({.argv = {"sleep", "100"}}, stop.get_token()), ErrorCode::kCancelled, "stopped");
}

TEST(HostProcess, EnvironmentAndFolderAreGiven) {
  const test::TempDir dir;
  const auto result = run_host_process({.argv = {"sh", "-c", "echo $COLOUR; pwd"}, .cwd = dir.path(), .extra_env = {{"COLOUR", "blue"}}});
  EXPECT_EQ(result.out, "blue\n" + std::filesystem::canonical(dir.path()).string() + "\n");
}

TEST(HostProcess, MissingProgramIsRefused) {
  EXPECT_ERROR(run_host_process({.argv = {"no-such-program-here"}}), ErrorCode::kNotFound, "no-such-program-here");
  EXPECT_ERROR(run_host_process({}), ErrorCode::kInvalidArgument, "no program");
}

}  // namespace
}  // namespace aicoder
