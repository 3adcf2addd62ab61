#include <gtest/gtest.h>

#include <cstdlib>

#include "fragment/fragment_fixture.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

/// Points data_dir() at a folder for one test.
class FragmentDir : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("AICODER_HOME", dir_.path().c_str(), 1);
    std::filesystem::create_directories(fragments_dir() / "tiny");
    std::filesystem::create_directories(fragments_dir() / "other");
  }
  void TearDown() override { ::unsetenv("AICODER_HOME"); }
  test::TempDir dir_;
};

TEST_F(FragmentDir, ListsEveryBaseAndLeavesOutWhatIsBroken) {
  test::small_fragment("coder").write(fragments_dir() / "tiny" / "coder.gguf");
  test::small_fragment("math").write(fragments_dir() / "other" / "math.gguf");
  write_file_atomic(fragments_dir() / "tiny" / "broken.gguf", "GGUF");
  write_file_atomic(fragments_dir() / "tiny" / "notes.txt", "x");
  const auto fragments = list_fragments(fragments_dir());
  ASSERT_EQ(fragments.size(), 2u);
  EXPECT_EQ(fragments[0].name, "math");
  EXPECT_EQ(fragments[1].name, "coder");
  EXPECT_TRUE(list_fragments(dir_ / "absent").empty());
}

TEST_F(FragmentDir, ResolvesByNameForTheBase) {
  test::small_fragment("coder", "base-2").write(fragments_dir() / "other" / "coder.gguf");
  test::small_fragment("coder", "base-1").write(fragments_dir() / "tiny" / "coder-r16.gguf");
  EXPECT_EQ(resolve_fragment("coder", "base-1"), fragments_dir() / "tiny" / "coder-r16.gguf");
  EXPECT_EQ(resolve_fragment("coder", "base-2"), fragments_dir() / "other" / "coder.gguf");
  EXPECT_EQ(resolve_fragment("coder-r16", ""), fragments_dir() / "tiny" / "coder-r16.gguf") << "by file name";
  const std::string path = (fragments_dir() / "tiny" / "coder-r16.gguf").string();
  EXPECT_EQ(resolve_fragment(path, "base-2"), path) << "a path is taken as it is; the adapter refuses another base";
}

TEST_F(FragmentDir, TellsWhatIsMissing) {
  test::small_fragment("coder", "base-1").write(fragments_dir() / "tiny" / "coder.gguf");
  EXPECT_ERROR(resolve_fragment("math", "base-1"), ErrorCode::kNotFound, "no fragment 'math' in");
  EXPECT_ERROR(resolve_fragment("coder", "base-9"), ErrorCode::kNotFound, "there is one for tiny");
  EXPECT_ERROR(resolve_fragment("./absent.gguf", ""), ErrorCode::kNotFound, "no file './absent.gguf'");
}

}  // namespace
}  // namespace aicoder
