#include "sandbox/box_run.h"
#include "sandbox/box_test_support.h"

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

/// A bubblewrap of our making while it lives.
class FakeBwrap {
 public:
  explicit FakeBwrap(const std::string& script) {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    std::ofstream(path()) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(path(), std::filesystem::perms(0755));
    ::setenv("AICODER_BWRAP", path().c_str(), 1);
  }
  ~FakeBwrap() { ::unsetenv("AICODER_BWRAP"); }
  std::filesystem::path path() const { return folder_ / "bwrap"; }

 private:
  test::TempDir folder_;
};

const SandboxCheck* first_problem(const SandboxProbe& probe) {
  for (const SandboxCheck& check : probe.checks) {
    if (check.required && !check.ok) return &check;
  }
  return nullptr;
}

constexpr char kKnowsAll[] = "case \"$1\" in --help) echo --disable-userns --as-pid-1 --size --perms --cap-drop; exit 0;; esac\n";

TEST(SandboxProbe, WithoutBubblewrapThereIsNoLevelButAFix) {
  ::setenv("AICODER_BWRAP", "/no/such/bwrap", 1);
  const SandboxProbe probe = probe_sandbox();
  const SandboxResult result = box::run_in_box(test::boxed({"true"}), {});
  ::unsetenv("AICODER_BWRAP");
  EXPECT_EQ(probe.level, "none");
  ASSERT_NE(first_problem(probe), nullptr);
  EXPECT_EQ(first_problem(probe)->fix, "sudo apt-get install -y bubblewrap");
  EXPECT_VERDICT(result, "SANDBOX_ERR");
  EXPECT_EQ(result.level, "none");
}

TEST(SandboxProbe, AnOldBubblewrapIsNamed) {
  const FakeBwrap bwrap("echo --disable-userns --as-pid-1\n");
  const SandboxProbe probe = probe_sandbox();
  EXPECT_EQ(probe.level, "none");
  ASSERT_NE(first_problem(probe), nullptr);
  EXPECT_NE(first_problem(probe)->found.find("does not know --size"), std::string::npos) << first_problem(probe)->found;
}

TEST(SandboxProbe, ABubblewrapThatCannotMakeNamespacesIsFoundByTrying) {
  const FakeBwrap bwrap(std::string(kKnowsAll) + "echo 'No permissions to create new namespace' >&2; exit 1\n");
  const SandboxProbe probe = probe_sandbox();
  EXPECT_EQ(probe.level, "none");
  ASSERT_NE(first_problem(probe), nullptr);
  EXPECT_EQ(first_problem(probe)->name, "a box runs");
  EXPECT_NE(first_problem(probe)->found.find("No permissions to create new namespace"), std::string::npos);
  EXPECT_NE(first_problem(probe)->fix, "");
}

TEST(SandboxProbe, AProgramRunWithoutNamespacesIsNotALevel) {
  // Skips its options and runs process 1 as it is: a box that is no box. Its scratch folder does not exist, or is not a PID namespace.
  const FakeBwrap bwrap(std::string(kKnowsAll) + "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"\n");
  const SandboxProbe probe = probe_sandbox();
  EXPECT_EQ(probe.level, "none");
}

TEST(SandboxProbe, AFailureOfTheBoxIsNeverOneOfTheProgram) {
  const FakeBwrap bwrap(std::string(kKnowsAll) + "echo 'mount failed' >&2; exit 1\n");
  const SandboxResult result = box::run_in_box(test::boxed({"true"}), {});
  EXPECT_VERDICT(result, "SANDBOX_ERR");
  EXPECT_NE(result.detail.find("mount failed"), std::string::npos) << result.detail;
  EXPECT_EQ(result.out + result.err, "");
  EXPECT_EQ(result.exit_code, -1);
}

TEST(SandboxProbe, AKilledBubblewrapIsAFailureOfTheBox) {
  const FakeBwrap bwrap(std::string(kKnowsAll) + "kill -9 $$\n");
  EXPECT_VERDICT(box::run_in_box(test::boxed({"true"}), {}), "SANDBOX_ERR");
}

}  // namespace
}  // namespace aicoder
