#include <gtest/gtest.h>

#include "agent/fakes.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(UnifiedDiff, NamesBothSidesAndTheHunk) {
  std::string diff = unified_diff("d/a.py", "x\ny\n", "x\nz\n");
  EXPECT_NE(diff.find("--- a/d/a.py\n+++ b/d/a.py\n"), std::string::npos) << diff;
  EXPECT_NE(diff.find("-y\n+z\n"), std::string::npos);
}
TEST(UnifiedDiff, NewDeletedAndEqual) {
  EXPECT_NE(unified_diff("a", std::nullopt, "x\n").find("--- /dev/null"), std::string::npos);
  EXPECT_NE(unified_diff("a", "x\n", std::nullopt).find("+++ /dev/null"), std::string::npos);
  EXPECT_EQ(unified_diff("a", "x\n", "x\n"), "");
}
TEST(UnifiedDiff, GitAppliesIt) {
  test::TempDir dir;
  std::string before = "one\ntwo\nthree", after = "one\n2\nthree\nfour\n";
  test::write(dir / "f.txt", before);
  test::write(dir / "p.diff", unified_diff("f.txt", before, after) + unified_diff("sub/new.txt", std::nullopt, "new\n"));
  HostProcessResult result = run_host_process({.argv = {"git", "apply", "p.diff"}, .cwd = dir.path()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(read_file(dir / "f.txt"), after);
  EXPECT_EQ(read_file(dir / "sub/new.txt"), "new\n");
}

}  // namespace
}  // namespace aicoder
