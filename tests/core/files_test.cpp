#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <fstream>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

std::vector<std::string> lines_of(const std::filesystem::path& path, size_t limit = 1000) {
  std::vector<std::string> out;
  for_each_line(
      path,
      [&](size_t number, std::string_view line) {
        EXPECT_EQ(number, out.size() + 1);
        out.emplace_back(line);
      },
      limit);
  return out;
}

size_t entries(const std::filesystem::path& dir) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(dir), std::filesystem::directory_iterator()));
}

TEST(WriteFileAtomic, ReplacesTheWholeContentAndLeavesNothingBeside) {
  const test::TempDir dir;
  write_file_atomic(dir / "a", "a long first content");
  write_file_atomic(dir / "a", "short");
  EXPECT_EQ(read_file(dir / "a"), "short");
  EXPECT_EQ(entries(dir.path()), 1U);
}

TEST(WriteFileAtomic, KeepsTheModeOfTheOldFile) {
  const test::TempDir dir;
  write_file_atomic(dir / "run.sh", "x");
  ::chmod((dir / "run.sh").c_str(), 0750);
  write_file_atomic(dir / "run.sh", "y");
  struct stat info{};
  ::stat((dir / "run.sh").c_str(), &info);
  EXPECT_EQ(info.st_mode & 07777, 0750U);
}

TEST(WriteFileAtomic, MissingFolderIsRefused) {
  const test::TempDir dir;
  EXPECT_ERROR(write_file_atomic(dir / "no/such", "x"), ErrorCode::kNotFound, "no/such");
}

TEST(WriteFileAtomic, FullDiskKeepsTheOldFileAndSaysSo) {
  const test::TempDir dir;
  write_file_atomic(dir / "a", "old");
  // RLIMIT_FSIZE stands in for a full disk: write() fails half-way with EFBIG instead of ENOSPC. In a child, for the limit is process-wide.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomic(dir / "a", std::string(5000, 'n'));
      ::_exit(1);
    } catch (const Error& error) {
      ::_exit(error.code() == ErrorCode::kResourceExhausted ? 0 : 2);
    }
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(dir / "a"), "old");
  EXPECT_EQ(entries(dir.path()), 1U);
}

TEST(AtomicFile, WithoutCommitNothingRemains) {
  const test::TempDir dir;
  {
    AtomicFile(dir / "a").write("half");
  }
  EXPECT_EQ(entries(dir.path()), 0U);
}

TEST(ReadFile, RefusesMissingFilesFoldersAndTooLargeOnes) {
  const test::TempDir dir;
  write_file_atomic(dir / "a", "12345");
  EXPECT_EQ(read_file(dir / "a", 5), "12345");
  EXPECT_ERROR(read_file(dir / "a", 4), ErrorCode::kResourceExhausted, "larger than 4 bytes");
  EXPECT_ERROR(read_file(dir / "b"), ErrorCode::kNotFound, "No such file");
  EXPECT_ERROR(read_file(dir.path()), ErrorCode::kInvalidArgument, "directory");
}

TEST(ForEachLine, TakesUnixAndDosEndsAndALastLineWithoutEnd) {
  const test::TempDir dir;
  write_file_atomic(dir / "t", "one\r\n\ntwo\nlast");
  EXPECT_EQ(lines_of(dir / "t"), (std::vector<std::string>{"one", "", "two", "last"}));
  write_file_atomic(dir / "e", "");
  EXPECT_TRUE(lines_of(dir / "e").empty());
}

TEST(ForEachLine, ReadsGzipAndRefusesATruncatedOrFalseOne) {
  const test::TempDir dir;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += fmt::format("line {} {}\n", i, i * 7919);
  const gzFile out = gzopen((dir / "t.gz").c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  const auto lines = lines_of(dir / "t.gz");
  ASSERT_EQ(lines.size(), 5000U);
  EXPECT_EQ(lines[4999], "line 4999 39587081");

  const auto packed = read_file(dir / "t.gz");
  write_file_atomic(dir / "cut.gz", packed.substr(0, packed.size() / 2));
  EXPECT_ERROR(lines_of(dir / "cut.gz"), ErrorCode::kDataLoss, "cut.gz");
  write_file_atomic(dir / "false.gz", "plain text\n");
  EXPECT_ERROR(lines_of(dir / "false.gz"), ErrorCode::kDataLoss, "not gzip");
}

TEST(ForEachLine, RefusesALineOverTheLimitNamingIt) {
  const test::TempDir dir;
  write_file_atomic(dir / "t", "ok\n" + std::string(50, 'x') + "\n");
  EXPECT_ERROR(lines_of(dir / "t", 49), ErrorCode::kResourceExhausted, "line 2");
}

}  // namespace
}  // namespace aicoder
