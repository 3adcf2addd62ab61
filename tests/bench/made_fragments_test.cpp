#include "bench/made_fragments.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(MadeFragments, HaveFactorsForEveryLinearLayerAndLoad) {
  const test::TempDir dir;
  const auto file = GgufFile::open(test::require_model("smollm2-135m"));
  make_random_fragment(file, 16, 1, dir / "made.gguf");
  const auto made = GgufFile::open(dir / "made.gguf");
  EXPECT_EQ(made.tensors().size(), 2u * 7 * 30);
  const auto* a = made.find("blk.3.ffn_down.weight.lora_a");
  const auto* b = made.find("blk.3.ffn_down.weight.lora_b");
  ASSERT_TRUE(a != nullptr && b != nullptr);
  EXPECT_EQ(a->ne, (std::vector<uint64_t>{1536, 16}));
  EXPECT_EQ(b->ne, (std::vector<uint64_t>{16, 576}));
  EXPECT_EQ(a->type, GgufType::kF16);
}

TEST(MadeFragments, FillUpWhatIsGiven) {
  const test::TempDir dir;
  const auto file = GgufFile::open(test::require_model("smollm2-135m"));
  make_random_fragment(file, 2, 1, dir / "given.gguf");
  const auto files = fill_up_fragments({dir / "given.gguf"}, 2, file, dir.path());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0], dir / "given.gguf");
  EXPECT_TRUE(std::filesystem::exists(files[1]));
  EXPECT_ERROR(fill_up_fragments({dir / "none.gguf"}, 2, file, dir.path()), ErrorCode::kNotFound, "no fragment at");
  EXPECT_ERROR(fill_up_fragments({"a", "b", "c"}, 2, file, dir.path()), ErrorCode::kInvalidArgument, "3 fragments, expected at most 2");
}

TEST(ScratchDir, IsRemovedWithItsContent) {
  std::filesystem::path path;
  {
    const ScratchDir dir;
    path = dir.path();
    std::filesystem::create_directories(path / "a/b");
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace aicoder
