#include "sandbox/verdict.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

namespace aicoder::box {
namespace {

int exited(int code) { return code << 8; }
int signalled(int signal) { return signal; }

Judgement of_status(int status) {
  Ending ending;
  ending.wait_status = status;
  return judge(ending, {});
}

TEST(Verdict, ExitZeroIsOkWithoutDetail) {
  EXPECT_EQ(of_status(exited(0)).verdict, Verdict::kOk);
  EXPECT_EQ(of_status(exited(0)).exit_code, 0);
  EXPECT_EQ(of_status(exited(0)).detail, "");
}

TEST(Verdict, OtherExitCodesAreRuntimeErrors) {
  EXPECT_EQ(of_status(exited(7)).verdict, Verdict::kRe);
  EXPECT_EQ(of_status(exited(7)).exit_code, 7);
  EXPECT_EQ(of_status(exited(7)).detail, "exit code 7");
}

TEST(Verdict, SignalsKeepTheirMeaning) {
  EXPECT_EQ(of_status(signalled(SIGSEGV)).verdict, Verdict::kSig);
  EXPECT_EQ(of_status(signalled(SIGSEGV)).exit_code, 139);
  EXPECT_EQ(of_status(signalled(SIGSEGV)).detail, "killed by SIGSEGV");
  EXPECT_EQ(of_status(signalled(SIGSYS)).verdict, Verdict::kDenied);
  EXPECT_EQ(of_status(signalled(SIGXFSZ)).verdict, Verdict::kFsize);
  EXPECT_EQ(of_status(signalled(SIGXCPU)).verdict, Verdict::kTleCpu);
}

TEST(Verdict, WhatTheHostKilledForWinsOverHowItEnded) {
  for (auto [killed, verdict] : {std::pair{Killed::kCpu, Verdict::kTleCpu},
                                 {Killed::kWall, Verdict::kTleWall},
                                 {Killed::kMemory, Verdict::kMle},
                                 {Killed::kOutput, Verdict::kOle},
                                 {Killed::kProcesses, Verdict::kPids},
                                 {Killed::kFiles, Verdict::kFsize},
                                 {Killed::kSockets, Verdict::kMle}}) {
    Ending ending;
    ending.killed = killed;
    ending.wait_status = exited(0);
    const Judgement judgement = judge(ending, {});
    EXPECT_EQ(judgement.verdict, verdict) << to_string(verdict);
    EXPECT_EQ(judgement.exit_code, 137);
    EXPECT_NE(judgement.detail, "");
  }
}

TEST(Verdict, CpuOverTheLimitAtTheEndIsNotOk) {
  Ending ending;
  ending.cpu_ms = 10'001;
  EXPECT_EQ(judge(ending, {}).verdict, Verdict::kTleCpu);
  ending.cpu_ms = 10'000;
  EXPECT_EQ(judge(ending, {}).verdict, Verdict::kOk);
}

TEST(Verdict, MoreProcessesThanAllowedIsPidsEvenWhenTheyFailedOnTheirOwn) {
  Ending ending;
  ending.wait_status = exited(1);
  ending.peak_processes = 65;
  EXPECT_EQ(judge(ending, {}).verdict, Verdict::kPids);
  EXPECT_EQ(judge(ending, {}).exit_code, 1);
  ending.peak_processes = 64;
  EXPECT_EQ(judge(ending, {}).verdict, Verdict::kRe);
}

TEST(Verdict, AFileCutAtTheLimitExplainsAFailureButNotASuccess) {
  Ending ending;
  ending.file_at_limit = true;
  EXPECT_EQ(judge(ending, {}).verdict, Verdict::kOk);
  ending.wait_status = exited(1);
  EXPECT_EQ(judge(ending, {}).verdict, Verdict::kFsize);
}

TEST(Verdict, FullScratchSpaceIsSaid) {
  Ending ending;
  ending.wait_status = exited(1);
  ending.scratch_full = true;
  EXPECT_EQ(judge(ending, {}).detail, "exit code 1; the 64.0 MiB of scratch space were full");
}

TEST(Verdict, AProgramThatCannotBeStartedFailsAsInAShell) {
  Ending ending;
  ending.program = "nosuch";
  ending.exec_errno = ENOENT;
  EXPECT_EQ(judge(ending, {}).verdict, Verdict::kRe);
  EXPECT_EQ(judge(ending, {}).exit_code, 127);
  EXPECT_NE(judge(ending, {}).detail.find("nosuch"), std::string::npos);
  ending.exec_errno = EACCES;
  EXPECT_EQ(judge(ending, {}).exit_code, 126);
}

TEST(Verdict, NamesAreTheOnesOfTheContract) {
  EXPECT_EQ(to_string(Verdict::kOk), "OK");
  EXPECT_EQ(to_string(Verdict::kTleWall), "TLE_WALL");
  EXPECT_EQ(to_string(Verdict::kSandboxErr), "SANDBOX_ERR");
}

}  // namespace
}  // namespace aicoder::box
