#include "aicoder/core/gitignore.h"

#include <gtest/gtest.h>

namespace aicoder {
namespace {

TEST(GlobMatch, StarsStopAtSlashesAndDoubleStarsDoNot) {
  EXPECT_TRUE(glob_match("*.py", "a.py"));
  EXPECT_FALSE(glob_match("*.py", "d/a.py"));
  EXPECT_TRUE(glob_match("**/a.py", "a.py"));
  EXPECT_TRUE(glob_match("**/a.py", "d/e/a.py"));
  EXPECT_TRUE(glob_match("d/**", "d/e/f"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_FALSE(glob_match("a?c", "a/c"));
  EXPECT_FALSE(glob_match("abc", "abcd"));
}
TEST(GlobMatch, ManyStarsDoNotExplode) { EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a'))); }

TEST(GitIgnore, FollowsTheCommonRules) {
  GitIgnore ignore;
  ignore.add("", "# comment\n*.log\n!keep.log\n/only_root\nout/\ndocs/*.html\n\n  \n");
  EXPECT_TRUE(ignore.ignores("a/b.log", false));
  EXPECT_FALSE(ignore.ignores("a/keep.log", false));
  EXPECT_TRUE(ignore.ignores("only_root", false));
  EXPECT_FALSE(ignore.ignores("a/only_root", false));
  EXPECT_TRUE(ignore.ignores("a/out", true));
  EXPECT_FALSE(ignore.ignores("a/out", false));
  EXPECT_TRUE(ignore.ignores("docs/x.html", false));
  EXPECT_FALSE(ignore.ignores("docs/y/x.html", false));
}
TEST(GitIgnore, NestedFileHoldsForItsFolder) {
  GitIgnore ignore;
  ignore.add("sub", "*.tmp\n");
  EXPECT_TRUE(ignore.ignores("sub/a.tmp", false));
  EXPECT_FALSE(ignore.ignores("a.tmp", false));
}

}  // namespace
}  // namespace aicoder
