// Export to PEFT against a transformer of our own in numpy, in the order of Hugging Face, for each family on a base of one layer.
#include <gtest/gtest.h>

#include "aicoder/fragment.h"
#include "fragment/hf_logits.h"
#include "fragment/tiny_base.h"

namespace aicoder {
namespace {

class HfForward : public testing::TestWithParam<const char*> {
 protected:
  HfForward() {
    base_ = Model::load(test::tiny_of(GetParam()).write(dir_ / "base.gguf"));
    test::random_fragment(*base_, "coder", 4.0f, 4, 2, 1).write(dir_ / "coder.gguf");
    export_peft(*base_, dir_ / "coder.gguf", dir_ / "peft");
  }
  std::vector<float> ours(const std::filesystem::path& fragment = {}) const {
    return test::engine_logits(base_, fragment, tokens_, test::Attention::kF32);
  }
  std::vector<float> theirs(const std::filesystem::path& peft = {}, test::RowsOfB rows = test::RowsOfB::kAsInPeft) const {
    return test::hf_logits(dir_ / "base.gguf", peft, 1, tokens_, rows);
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> base_;
  const std::vector<Token> tokens_ = {1, 259, 263, 270, 265, 90, 17, 261, 262, 280, 3, 271, 260, 99, 150, 266};
};

TEST_P(HfForward, BaseInTheirOrderGivesOurLogits) { EXPECT_LT(test::largest_difference(ours(), theirs()), 1e-4); }

TEST_P(HfForward, ExportedFolderGivesOurLogits) {
  const auto with = ours(dir_ / "coder.gguf");
  EXPECT_GT(test::largest_difference(with, ours()), 0.1) << "the fragment should matter, or the test shows nothing";
  EXPECT_LT(test::largest_difference(with, theirs(dir_ / "peft")), 1e-4);
}

TEST_P(HfForward, ForgottenOrderOfRowsWouldShow) {
  const double apart = test::largest_difference(ours(dir_ / "coder.gguf"), theirs(dir_ / "peft", test::RowsOfB::kAsStored));
  if (std::string(GetParam()) == "llama") {
    EXPECT_GT(apart, 1e-3);
  } else {
    EXPECT_LT(apart, 1e-4) << "one order in both formats";
  }
}

INSTANTIATE_TEST_SUITE_P(Families, HfForward, testing::Values("llama", "qwen2", "qwen3"), [](const auto& i) { return i.param; });

}  // namespace
}  // namespace aicoder
