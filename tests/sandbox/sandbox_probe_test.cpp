#include "sandbox/box_test_support.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

TEST(SandboxProbe, FindsEveryFenceOnAMachineThatRunsTheseTests) {
  const SandboxProbe probe = probe_sandbox();
  EXPECT_EQ(probe.level, "L3");
  for (const SandboxCheck& check : probe.checks) {
    EXPECT_TRUE(check.ok || !check.required) << check.name << ": " << check.found << " -> " << check.fix;
  }
  EXPECT_GE(probe.checks.size(), 10U);
}

TEST(SandboxProbe, WithoutBubblewrapThereIsNoLevelButAFix) {
  // A PATH without it is not enough (the usual folders are searched too), so this can only be seen where it is not installed.
  if (std::filesystem::exists("/usr/bin/bwrap") || std::filesystem::exists("/usr/local/bin/bwrap")) {
    GTEST_SKIP() << "bubblewrap is installed here";
  }
  EXPECT_EQ(probe_sandbox().level, "none");
  EXPECT_ERROR(Sandbox(), ErrorCode::kFailedPrecondition, "bubblewrap");
}

}  // namespace
}  // namespace aicoder
