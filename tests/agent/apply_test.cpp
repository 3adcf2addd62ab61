#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/fakes.h"
#include "agent/undo_journal.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;
using test::write;

class Apply : public testing::Test {
 protected:
  Apply() : guard_(home_.path()) {
    write(dir_ / "a.py", "old a\n");
    write(dir_ / "b.py", "old b\n");
    result_.files = {{"a.py", "", "old a\n", "new a\n"}, {"b.py", "", "old b\n", "new b\n"}, {"pkg/sub/c.py", "", std::nullopt, "new c\n"}};
  }
  std::string text(const std::string& name) const { return fs::exists(dir_ / name) ? read_file(dir_ / name) : "(none)"; }
  /// Nothing of ours is left in the user's folder.
  void expect_clean() const {
    for (const auto& item : fs::recursive_directory_iterator(dir_.path()))
      EXPECT_EQ(item.path().string().find("aicoder-tmp"), std::string::npos) << item.path();
  }
  test::TempDir home_, dir_;
  test::HomeGuard guard_;
  AgentResult result_;
};

TEST_F(Apply, WritesChangesAndUndoTakesThemBack) {
  apply_changes(result_, dir_.path());
  EXPECT_EQ(text("a.py") + text("b.py") + text("pkg/sub/c.py"), "new a\nnew b\nnew c\n");
  EXPECT_EQ(undo_changes(dir_.path()), (std::vector<std::string>{"a.py", "b.py", "pkg/sub/c.py"}));
  EXPECT_EQ(text("a.py") + text("b.py") + text("pkg/sub/c.py"), "old a\nold b\n(none)");
  EXPECT_FALSE(fs::exists(dir_ / "pkg")) << "folders it made go too";
  EXPECT_ERROR(undo_changes(dir_.path()), ErrorCode::kNotFound, "nothing was applied");
  expect_clean();
}

TEST_F(Apply, DeletesAndRestoresAFileWithItsMode) {
  ::chmod((dir_ / "a.py").c_str(), 0755);
  result_.files = {{"a.py", "", "old a\n", std::nullopt}};
  apply_changes(result_, dir_.path());
  EXPECT_FALSE(fs::exists(dir_ / "a.py"));
  undo_changes(dir_.path());
  struct stat info{};
  ASSERT_EQ(::stat((dir_ / "a.py").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755U);
}

TEST_F(Apply, KeepsTheModeOfAChangedFile) {
  ::chmod((dir_ / "a.py").c_str(), 0750);
  apply_changes(result_, dir_.path());
  struct stat info{};
  ASSERT_EQ(::stat((dir_ / "a.py").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0750U);
}

TEST_F(Apply, UndoGoesBackStepByStep) {
  apply_changes(result_, dir_.path());
  AgentResult second;
  second.files = {{"a.py", "", "new a\n", "newer a\n"}};
  apply_changes(second, dir_.path());
  undo_changes(dir_.path());
  EXPECT_EQ(text("a.py"), "new a\n");
  undo_changes(dir_.path());
  EXPECT_EQ(text("a.py"), "old a\n");
}

TEST_F(Apply, FileChangedMeanwhileRefusesTheWhole) {
  write(dir_ / "b.py", "edited by the user\n");
  EXPECT_ERROR(apply_changes(result_, dir_.path()), ErrorCode::kFailedPrecondition, "b.py was changed");
  EXPECT_EQ(text("a.py"), "old a\n");
  EXPECT_EQ(text("pkg/sub/c.py"), "(none)");
}

TEST_F(Apply, NewFileThatAppearedMeanwhileRefusesTheWhole) {
  write(dir_ / "pkg/sub/c.py", "by the user\n");
  EXPECT_ERROR(apply_changes(result_, dir_.path()), ErrorCode::kFailedPrecondition, "c.py was changed");
  EXPECT_EQ(text("a.py"), "old a\n");
}

TEST_F(Apply, UndoRefusesAFileEditedSinceAndNamesIt) {
  apply_changes(result_, dir_.path());
  write(dir_ / "b.py", "edited by the user\n");
  EXPECT_ERROR(undo_changes(dir_.path()), ErrorCode::kFailedPrecondition, "b.py was edited since");
  EXPECT_EQ(text("a.py"), "new a\n");
}

TEST_F(Apply, PathsThatLeaveTheFolderAreRefused) {
  for (const char* path : {"../x.py", "/tmp/x.py", "a/../../x.py", ".git/hooks/pre-commit", "", "d/"}) {
    result_.files = {{path, "", std::nullopt, "x"}};
    EXPECT_ERROR(apply_changes(result_, dir_.path()), ErrorCode::kInvalidArgument, "no path inside");
  }
}

TEST_F(Apply, LinksAreNotWrittenThrough) {
  test::TempDir outside;
  write(outside / "victim.py", "old\n");
  fs::create_symlink(outside / "victim.py", dir_ / "link.py");
  fs::create_directory_symlink(outside.path(), dir_ / "linkdir");
  result_.files = {{"link.py", "", "old\n", "new\n"}};
  EXPECT_ERROR(apply_changes(result_, dir_.path()), ErrorCode::kFailedPrecondition, "link");
  result_.files = {{"linkdir/new.py", "", std::nullopt, "new\n"}};
  EXPECT_ERROR(apply_changes(result_, dir_.path()), ErrorCode::kFailedPrecondition, "link");
  EXPECT_EQ(read_file(outside / "victim.py"), "old\n");
  EXPECT_FALSE(fs::exists(outside / "new.py"));
}

TEST_F(Apply, FailureInTheMiddlePutsEverythingBack) {
  if (::geteuid() == 0) {
    // Root writes anywhere; a folder in the place of the temporary file fails for root too.
    fs::create_directories(dir_ / ".b.py.aicoder-tmp/x");
  } else {
    fs::create_directories(dir_ / "ro");
    write(dir_ / "ro/z.py", "old\n");
    result_.files.push_back({"ro/z.py", "", "old\n", "new\n"});
    ::chmod((dir_ / "ro").c_str(), 0500);
  }
  EXPECT_THROW(apply_changes(result_, dir_.path()), Error);
  EXPECT_EQ(text("a.py") + text("b.py") + text("pkg/sub/c.py"), "old a\nold b\n(none)");
  if (::geteuid() != 0) ::chmod((dir_ / "ro").c_str(), 0700);
}

TEST_F(Apply, SecondProcessIsTurnedAway) {
  agent::UndoJournal held(dir_.path());
  EXPECT_ERROR(apply_changes(result_, dir_.path()), ErrorCode::kUnavailable, "another aicoder");
}

TEST_F(Apply, OldEntriesArePruned) {
  std::string before = "old a\n";
  for (int i = 0; i < 25; ++i) {
    AgentResult one;
    std::string after = "a" + std::to_string(i) + "\n";
    one.files = {{"a.py", "", before, after}};
    apply_changes(one, dir_.path());
    before = after;
  }
  size_t n = 0;
  for (; n < 30; ++n) {
    try {
      undo_changes(dir_.path());
    } catch (const Error&) {
      break;
    }
  }
  EXPECT_EQ(n, 20U);
}

/// Runs `action` in a child that dies without any clean-up at the n-th crash point; false when it got to its end.
bool dies_at(size_t n, const std::function<void(const agent::CrashPoint&)>& action) {
  pid_t pid = ::fork();
  if (pid == 0) {
    size_t seen = 0;
    try {
      action([&](const std::string&) {
        if (seen++ == n) ::_exit(77);
      });
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0)) << status;
  return WIFEXITED(status) && WEXITSTATUS(status) == 77;
}

TEST_F(Apply, KilledAnywhereEachFileIsOldOrNewAndUndoGoesBack) {
  size_t n = 0;
  for (;; ++n) {
    bool died = dies_at(n, [&](const agent::CrashPoint& crash) { agent::apply_journaled(result_.files, dir_.path(), crash); });
    EXPECT_TRUE(text("a.py") == "old a\n" || text("a.py") == "new a\n");
    EXPECT_TRUE(text("b.py") == "old b\n" || text("b.py") == "new b\n");
    EXPECT_TRUE(text("pkg/sub/c.py") == "(none)" || text("pkg/sub/c.py") == "new c\n");
    bool half = agent::is_half_applied(dir_.path());
    if (half || text("a.py") == "new a\n") undo_changes(dir_.path());
    EXPECT_EQ(text("a.py") + text("b.py") + text("pkg/sub/c.py"), "old a\nold b\n(none)") << "crash point " << n;
    EXPECT_FALSE(agent::is_half_applied(dir_.path()));
    expect_clean();
    if (!died) break;
  }
  EXPECT_GE(n, 5U) << "checked, journaled, three files, applied";
}

TEST_F(Apply, RecoverRestoresAHalfAppliedFolderAndThenRunsGoOn) {
  ASSERT_TRUE(dies_at(3, [&](const agent::CrashPoint& crash) { agent::apply_journaled(result_.files, dir_.path(), crash); }));
  ASSERT_TRUE(agent::is_half_applied(dir_.path()));
  EXPECT_EQ(recover_changes(dir_.path()), (std::vector<std::string>{"a.py", "b.py"}));
  EXPECT_TRUE(recover_changes(dir_.path()).empty());
  apply_changes(result_, dir_.path());
  EXPECT_EQ(text("b.py"), "new b\n");
}

TEST_F(Apply, UndoKilledAnywhereCanBeFinished) {
  for (size_t n = 0;; ++n) {
    apply_changes(result_, dir_.path());
    bool died = dies_at(n, [&](const agent::CrashPoint& crash) { agent::undo_journaled(dir_.path(), crash); });
    if (died && agent::is_half_applied(dir_.path())) undo_changes(dir_.path());
    EXPECT_EQ(text("a.py") + text("b.py") + text("pkg/sub/c.py"), "old a\nold b\n(none)") << "crash point " << n;
    if (!died) break;
  }
}

TEST_F(Apply, RecoveryLeavesAFileTheUserEditedSince) {
  ASSERT_TRUE(dies_at(3, [&](const agent::CrashPoint& crash) { agent::apply_journaled(result_.files, dir_.path(), crash); }));
  write(dir_ / "a.py", "edited by the user\n");
  recover_changes(dir_.path());
  EXPECT_EQ(text("a.py"), "edited by the user\n");
  EXPECT_EQ(text("b.py"), "old b\n");
}

TEST_F(Apply, BrokenJournalIsAClearError) {
  apply_changes(result_, dir_.path());
  for (const auto& item : fs::recursive_directory_iterator(home_.path())) {
    if (item.path().filename() == "journal.json") write(item.path(), "{\"state\": 3}");
  }
  EXPECT_ERROR(undo_changes(dir_.path()), ErrorCode::kDataLoss, "journal.json");
}

}  // namespace
}  // namespace aicoder
