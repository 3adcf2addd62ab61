#include "agent/workspace.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "agent/fakes.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::agent {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using test::write;

std::string joined(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += note + "\n";
  return out;
}

TEST(Workspace, CopiesSourcesAndSkipsWhatIsNotTheProjects) {
  TempDir dir;
  write(dir / "app.py", "x = 1\n");
  write(dir / "data/table.csv", "1,2\n");
  write(dir / ".git/config", "[core]\n");
  write(dir / "node_modules/m/index.js", "x\n");
  write(dir / "venv/lib.py", "x\n");
  write(dir / "build/out.py", "x\n");
  write(dir / "run.log", "x\n");
  write(dir / ".gitignore", "*.log\n");
  Workspace workspace(dir.path());
  std::vector<std::string> names;
  for (const auto& [path, file] : workspace.files()) names.push_back(path);
  EXPECT_EQ(names, (std::vector<std::string>{".gitignore", "app.py", "data/table.csv"}));
  EXPECT_EQ(read_file(workspace.copy() / "app.py"), "x = 1\n");
}

TEST(Workspace, CopyIsRemovedWithIt) {
  TempDir dir;
  write(dir / "a.py", "");
  fs::path copy;
  {
    Workspace workspace(dir.path());
    copy = workspace.copy();
    EXPECT_TRUE(fs::exists(copy));
  }
  EXPECT_FALSE(fs::exists(copy));
}

TEST(Workspace, BinaryAndBigFilesAreNotEditable) {
  TempDir dir;
  write(dir / "logo.png", std::string("\x89PNG\0\0", 6));
  write(dir / "latin1.py", "s = '\xe9'\n");
  write(dir / "long.py", std::string(300 << 10, 'x'));
  Workspace workspace(dir.path());
  for (const auto& [path, file] : workspace.files()) EXPECT_FALSE(file.editable) << path;
  EXPECT_EQ(workspace.files().size(), 3U);
  EXPECT_EQ(fs::file_size(workspace.copy() / "long.py"), 300U << 10);
}

TEST(Workspace, FileAboveTheLimitIsLeftOutWithANote) {
  TempDir dir;
  write(dir / "a.py", "");
  write(dir / "big.bin", std::string(9 << 20, '\0'));
  Workspace workspace(dir.path());
  EXPECT_FALSE(workspace.files().contains("big.bin"));
  EXPECT_NE(joined(workspace.notes()).find("big.bin"), std::string::npos);
}

TEST(Workspace, LinksOutOfTheFolderAreNotFollowed) {
  TempDir outside, dir;
  write(outside / "secret.txt", "secret");
  write(dir / "a.py", "x");
  fs::create_symlink(outside / "secret.txt", dir / "leak.txt");
  fs::create_directory_symlink(outside.path(), dir / "leakdir");
  fs::create_symlink(dir / "nowhere", dir / "dangling");
  fs::create_symlink("a.py", dir / "inside.py");
  Workspace workspace(dir.path());
  EXPECT_FALSE(workspace.files().contains("leak.txt"));
  EXPECT_FALSE(fs::exists(workspace.copy() / "leakdir"));
  EXPECT_FALSE(fs::exists(workspace.copy() / "dangling"));
  ASSERT_TRUE(workspace.files().contains("inside.py"));
  EXPECT_FALSE(workspace.files().at("inside.py").editable) << "a write would go through the link";
  EXPECT_EQ(workspace.notes().size(), 3U) << joined(workspace.notes());
}

TEST(Workspace, FifoIsLeftOutAndDoesNotBlock) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  Workspace workspace(dir.path());
  EXPECT_TRUE(workspace.files().empty());
  EXPECT_NE(joined(workspace.notes()).find("pipe"), std::string::npos);
}

TEST(Workspace, RefusesWhatIsNoFolderAndWhatIsTooBig) {
  TempDir dir;
  write(dir / "file", "x");
  EXPECT_ERROR(Workspace(dir / "absent"), ErrorCode::kNotFound, "absent");
  EXPECT_ERROR(Workspace(dir / "file"), ErrorCode::kInvalidArgument, "is no folder");
  for (int i = 0; i < 7; ++i) write(dir / ("part" + std::to_string(i) + ".dat"), std::string((7 << 20) + 1, 'x'));
  EXPECT_ERROR(Workspace(dir.path()), ErrorCode::kResourceExhausted, "48 MiB");
}

TEST(Workspace, StopEndsTheScan) {
  TempDir dir;
  write(dir / "a.py", "");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_ERROR(Workspace(dir.path(), stop.get_token()), ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder::agent
