#include "rag/folder_files.h"

#include <gtest/gtest.h>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::rag {
namespace {
namespace fs = std::filesystem;

TEST(FolderFiles, LeavesOutWhatNobodyLooksFor) {
  test::TempDir dir;
  for (const char* folder : {".git", "src/deep", "node_modules/x", "logs"}) fs::create_directories(dir / folder);
  for (const char* file :
       {".git/config", "src/a.py", "src/deep/b.py", "src/deep/skip.tmp", "node_modules/x/c.js", "logs/today.txt", ".hidden"}) {
    write_file_atomic(dir / file, "x");
  }
  write_file_atomic(dir / ".gitignore", "logs/\n");
  write_file_atomic(dir / "src/deep/.gitignore", "*.tmp\n");
  write_file_atomic(dir / "src/large.txt", std::string(2000, 'x'));
  fs::create_symlink("/etc/passwd", dir / "src/link.txt");
  std::vector<std::string> names;
  for (const FolderFile& file : folder_files(dir.path(), 1000)) names.push_back(file.path);
  EXPECT_EQ(names, (std::vector<std::string>{"src/a.py", "src/deep/b.py"}));
}

TEST(FolderFiles, AFolderThatIsNoneIsRefused) {
  EXPECT_ERROR(folder_files("/no/such/folder", 1000), ErrorCode::kNotFound, "/no/such/folder");
}

}  // namespace
}  // namespace aicoder::rag
