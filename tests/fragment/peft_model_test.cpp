// There and back on a real model: the permutation of Q and K shows in the logits if it is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "aicoder/fragment.h"
#include "fragment/oracle.h"
#include "fragment/tiny_calibration.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class PeftModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = Model::load(test::require_model("smollm2-135m"));
    dir_ = std::make_unique<test::TempDir>();
    const auto task = capture(model_, test::code_records(), {.n_threads = 1});
    build_fragment(*model_, {.name = "coder", .recipe = Recipe::kWanda, .rank = 4, .strength = 0.5f, .n_threads = 1, .task = &task},
                   lora());
  }
  static void TearDownTestSuite() {
    model_.reset();
    dir_.reset();
  }
  static std::filesystem::path lora() { return *dir_ / "coder.gguf"; }
  static std::vector<float> logits(const std::filesystem::path& path) {
    Context context(model_, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true});
    if (!path.empty()) {
      const auto adapter = Adapter::load(model_, path);
      set_adapters(context, std::vector<ActiveAdapter>{{adapter, adapter->default_strength()}});
    }
    return context.logits(model_->tokenize("def add(a, b):\n    return"));
  }
  static double worst(const std::vector<float>& a, const std::vector<float>& b) {
    double result = a.size() == b.size() ? 0 : 1e9;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) result = std::max(result, std::abs(static_cast<double>(a[i]) - b[i]));
    return result;
  }
  inline static std::shared_ptr<const Model> model_;
  inline static std::unique_ptr<test::TempDir> dir_;
};

TEST_F(PeftModel, ImportOfAnExportGivesTheSameLogits) {
  export_peft(*model_, lora(), *dir_ / "peft");
  const auto info = import_fragment(*model_, *dir_ / "peft", {.name = "back"}, *dir_ / "back.gguf");
  EXPECT_EQ(info.strength, 0.5f);
  const auto before = logits(lora());
  EXPECT_GT(worst(before, logits({})), 0.1) << "the fragment should matter, or the test shows nothing";
  EXPECT_LT(worst(before, logits(*dir_ / "back.gguf")), 1e-3);
}

TEST_F(PeftModel, ExportedFolderIsTheFragmentForNumpy) {
  export_peft(*model_, lora(), *dir_ / "compared");
  const std::string report = test::run_oracle({"peft_compare", *dir_ / "compared", lora(), "9", "3", "0.5"});
  EXPECT_NE(report.find("pairs 210 moved 60 r 4 alpha 2\n"), std::string::npos) << report;
}

TEST_F(PeftModel, ImportWithoutThePermutationWouldShow) {
  // The same folder taken as if its rows were in the order of the base: another model, so the test above can fail.
  export_peft(*model_, lora(), *dir_ / "folder");
  test::run_oracle({"peft_unpermuted", *dir_ / "folder", lora(), *dir_ / "wrong.gguf"});
  EXPECT_GT(worst(logits(lora()), logits(*dir_ / "wrong.gguf")), 1e-2);
}

}  // namespace
}  // namespace aicoder
