#include "sandbox/workdir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::box {
namespace {
namespace fs = std::filesystem;

/// A plain folder in the place of a box's tmpfs.
class WorkdirTest : public testing::Test {
 protected:
  WorkdirTest() {
    fs::create_directory(box_ / "work");
    fd_.reset(::open(box_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  Workdir workdir(uint64_t limit = 1 << 20) { return {fd_.get(), limit, ::geteuid()}; }
  void make(const std::string& place, const std::string& content) {
    fs::create_directories((source_ / place).parent_path());
    std::ofstream(source_ / place) << content;
  }
  fs::path work(const std::string& place) { return box_ / ("work/" + place); }

  test::TempDir box_, source_;
  UniqueFd fd_;
};

TEST_F(WorkdirTest, CopiesFilesFoldersAndTheExecutableBit) {
  make("a.txt", "alpha");
  make("sub/deep/run.sh", "#!/bin/sh\n");
  ::chmod((source_ / "sub/deep/run.sh").c_str(), 0700);
  workdir().copy_in(source_.path());
  EXPECT_EQ(read_file(work("a.txt")), "alpha");
  EXPECT_EQ(::access(work("sub/deep/run.sh").c_str(), X_OK), 0);
  struct stat info{};
  ASSERT_EQ(::stat(work("a.txt").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644U);
}

TEST_F(WorkdirTest, SymbolicLinksAreCopiedAsLinksNeverFollowed) {
  test::TempDir outside;
  std::ofstream(outside / "secret") << "secret";
  fs::create_symlink(outside / "secret", source_ / "file_link");
  fs::create_directory_symlink(outside.path(), source_ / "dir_link");
  workdir().copy_in(source_.path());
  EXPECT_TRUE(fs::is_symlink(work("file_link")));
  EXPECT_TRUE(fs::is_symlink(work("dir_link")));
}

TEST_F(WorkdirTest, PipesAndSocketsAreLeftOutWithoutHanging) {
  ASSERT_EQ(::mkfifo((source_ / "fifo").c_str(), 0600), 0);
  make("a.txt", "alpha");
  workdir().copy_in(source_.path());
  EXPECT_FALSE(fs::exists(work("fifo")));
  EXPECT_TRUE(fs::exists(work("a.txt")));
}

TEST_F(WorkdirTest, AFolderLargerThanTheScratchSpaceIsRefused) {
  make("a", std::string(700, 'x'));
  make("b", std::string(400, 'x'));
  EXPECT_ERROR(workdir(1000).copy_in(source_.path()), ErrorCode::kResourceExhausted, "more than the 1000 bytes");
  EXPECT_ERROR(workdir(1000).write("c", std::string(1001, 'x')), ErrorCode::kResourceExhausted, "1001 bytes");
}

TEST_F(WorkdirTest, AFolderNestedTooDeepIsRefused) {
  std::string deep = "d";
  for (int i = 0; i < 70; ++i) deep += "/d";
  fs::create_directories(source_ / deep);
  EXPECT_ERROR(workdir().copy_in(source_.path()), ErrorCode::kResourceExhausted, "folders deep");
}

TEST_F(WorkdirTest, AnUnreadableFileIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads every file";
  make("closed", "x");
  ::chmod((source_ / "closed").c_str(), 0);
  EXPECT_ERROR(workdir().copy_in(source_.path()), ErrorCode::kPermissionDenied, "closed");
}

TEST_F(WorkdirTest, WrittenFilesReplaceCopiedOnesAndMakeTheirFolders) {
  make("a.txt", "old content");
  Workdir dir = workdir();
  dir.copy_in(source_.path());
  dir.write("a.txt", "new");
  dir.write("x/y/z.txt", "deep");
  EXPECT_EQ(read_file(work("a.txt")), "new");
  EXPECT_EQ(read_file(work("x/y/z.txt")), "deep");
}

TEST_F(WorkdirTest, WritingThroughASymbolicLinkIsRefused) {
  test::TempDir outside;
  std::ofstream(outside / "file") << "untouched";
  fs::create_symlink(outside / "file", work("link"));
  fs::create_directory_symlink(outside.path(), work("dir"));
  EXPECT_THROW(workdir().write("link", "x"), Error);
  EXPECT_THROW(workdir().write("dir/file", "x"), Error);
  EXPECT_THROW(workdir().write("dir/new/file", "x"), Error);
  EXPECT_EQ(read_file(outside / "file"), "untouched");
  EXPECT_FALSE(fs::exists(outside / "new"));
}

TEST_F(WorkdirTest, ReadingThroughASymbolicLinkIsRefused) {
  test::TempDir outside;
  std::ofstream(outside / "secret") << "secret";
  fs::create_symlink(outside / "secret", work("link"));
  fs::create_directory_symlink(outside.path(), work("dir"));
  std::ofstream(work("real")) << "real";
  fs::create_symlink("real", work("inner"));
  EXPECT_ERROR(workdir().read("link"), ErrorCode::kPermissionDenied, "symbolic link");
  EXPECT_ERROR(workdir().read("dir/secret"), ErrorCode::kPermissionDenied, "symbolic link");
  EXPECT_ERROR(workdir().read("inner"), ErrorCode::kPermissionDenied, "symbolic link");
  EXPECT_EQ(workdir().read("real"), "real");
}

TEST_F(WorkdirTest, OnlyRegularFilesOfASaneSizeAreRead) {
  ASSERT_EQ(::mkfifo(work("fifo").c_str(), 0600), 0);
  fs::create_directory(work("folder"));
  std::ofstream(work("sparse")) << "x";
  fs::resize_file(work("sparse"), uint64_t{1} << 40);
  EXPECT_ERROR(workdir().read("fifo"), ErrorCode::kPermissionDenied, "not a regular file");
  EXPECT_ERROR(workdir().read("folder"), ErrorCode::kPermissionDenied, "not a regular file");
  EXPECT_ERROR(workdir().read("sparse"), ErrorCode::kPermissionDenied, "claims");
  EXPECT_ERROR(workdir().read("absent"), ErrorCode::kNotFound, "absent");
  EXPECT_ERROR(workdir().read("../work/x"), ErrorCode::kInvalidArgument, "inside the working folder");
}

TEST_F(WorkdirTest, FindsAFileOfExactlyThatSizeAnywhere) {
  fs::create_directories(work("a/b"));
  std::ofstream(work("a/b/f")) << "12345";
  EXPECT_TRUE(workdir().has_file_of(5));
  EXPECT_FALSE(workdir().has_file_of(4));
}

}  // namespace
}  // namespace aicoder::box
