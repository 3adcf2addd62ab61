#include <gtest/gtest.h>

#include <cmath>

#include "aicoder/fragment.h"
#include "fragment/strength_groups.h"
#include "fragment/tiny_calibration.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(StrengthGroups, AreTheTwoPartsOfALayer) {
  EXPECT_EQ(fragment::group_of("blk.12.attn_q.weight"), "blk.12.attn");
  EXPECT_EQ(fragment::group_of("blk.12.attn_output.weight"), "blk.12.attn");
  EXPECT_EQ(fragment::group_of("blk.3.ffn_down.weight"), "blk.3.ffn");
  EXPECT_EQ(fragment::group_of("output.weight"), "output.weight");
}

class Search : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = Model::load(test::require_model("smollm2-135m"));
    task_ = capture(model_, test::code_records(), {.n_threads = 1});
    dir_ = std::make_unique<test::TempDir>();
    build_fragment(*model_, {.name = "base", .recipe = Recipe::kWanda, .rank = 2, .strength = 0.05f, .n_threads = 1, .task = &task_},
                   *dir_ / "base.gguf");
  }
  static void TearDownTestSuite() {
    model_.reset();
    dir_.reset();
  }
  static SearchOptions options() {
    SearchOptions o;
    o.objective = test::code_records();
    o.guard = test::prose_records();
    o.iterations = 3;
    o.batch_tokens = 40;
    o.n_threads = 1;
    o.scratch_dir = *dir_ / "scratch";
    return o;
  }
  static std::vector<float> logits(const std::filesystem::path& file, std::optional<float> strength = {}) {
    Context context(model_, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true});
    const auto adapter = Adapter::load(model_, file);
    const ActiveAdapter active{adapter, strength.value_or(adapter->default_strength())};
    set_adapters(context, std::span(&active, 1));
    return context.logits(model_->tokenize("def add(a, b):\n    return"));
  }

  inline static std::shared_ptr<const Model> model_;
  inline static ActivationStats task_;
  inline static std::unique_ptr<test::TempDir> dir_;
};

TEST_F(Search, ScalesOfGroupsAreWhatTheFileThenDoes) {
  const auto file = GgufFile::open(*dir_ / "base.gguf");
  const auto groups = fragment::strength_groups(file);
  EXPECT_EQ(groups.size(), 60u) << "30 layers, two parts each";
  // All groups at 0.1 is the fragment at 0.1; F16 factors are rounded once more.
  GgufWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  fragment::write_scaled(file, groups, std::vector<double>(60, 0.1), 0.4f, writer, *dir_ / "scaled.gguf");
  const auto expected = logits(*dir_ / "base.gguf", 0.1f), found = logits(*dir_ / "scaled.gguf", 0.4f),
             off = logits(*dir_ / "base.gguf", 0.0f);
  double largest = 0, moved = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(expected[i] - found[i])));
    moved = std::max(moved, std::fabs(static_cast<double>(expected[i] - off[i])));
  }
  EXPECT_LT(largest, 0.02 * moved);
  EXPECT_GT(moved, 0.1);
}

TEST_F(Search, WritesAFragmentThatSaysWhatWasFound) {
  for (const SearchMethod method : {SearchMethod::kSpsa, SearchMethod::kCmaEs}) {
    SearchOptions o = options();
    o.method = method;
    o.iterations = method == SearchMethod::kSpsa ? 3 : 1;
    o.max_kl = 100;  // whatever it finds is within the bound
    const SearchResult result = search_strengths(model_, *dir_ / "base.gguf", o, *dir_ / "found.gguf");
    ASSERT_EQ(result.strengths.size(), 60u);
    EXPECT_EQ(result.accepted, result.loss_on < result.loss_off);
    EXPECT_GT(result.kl, 0);
    EXPECT_EQ(result.evaluations, method == SearchMethod::kSpsa ? 6u : 16u);
    double largest = 0;
    for (const double s : result.strengths) {
      EXPECT_LE(std::fabs(s), static_cast<double>(o.largest) + 1e-6);
      largest = std::max(largest, std::fabs(s));
    }
    const FragmentInfo info = inspect_fragment(*dir_ / "found.gguf");
    EXPECT_EQ(info.recipe, "search from wanda");
    EXPECT_FLOAT_EQ(info.strength, result.accepted ? static_cast<float>(largest) : 0.0f);
    EXPECT_EQ(info.tensors.size(), 210u);
    EXPECT_FALSE(std::filesystem::exists(*dir_ / "scratch"));
  }
}

TEST_F(Search, KlBeyondTheBoundIsNotAccepted) {
  SearchOptions o = options();
  o.max_kl = 1e-9;
  const SearchResult result = search_strengths(model_, *dir_ / "base.gguf", o, *dir_ / "bounded.gguf");
  EXPECT_FALSE(result.accepted);
  EXPECT_EQ(inspect_fragment(*dir_ / "bounded.gguf").strength, 0.0f);
}

TEST_F(Search, AStoppedSearchGoesOnToTheResultOfAnUnstoppedOne) {
  SearchOptions o = options();
  const SearchResult whole = search_strengths(model_, *dir_ / "base.gguf", o, *dir_ / "whole.gguf");
  EXPECT_EQ(whole.replayed, 0u);
  const auto out = *dir_ / "resumed.gguf";
  std::filesystem::remove(out);
  o.journal = *dir_ / "journal.jsonl";
  std::stop_source stop;
  o.stop = stop.get_token();
  o.progress = [&stop](const Progress&) { stop.request_stop(); };  // after the first iteration
  EXPECT_ERROR(search_strengths(model_, *dir_ / "base.gguf", o, out), ErrorCode::kCancelled, "");
  EXPECT_FALSE(std::filesystem::exists(out));
  EXPECT_FALSE(std::filesystem::exists(o.scratch_dir));
  o.stop = {};
  o.progress = {};
  const SearchResult resumed = search_strengths(model_, *dir_ / "base.gguf", o, out);
  // Loss without the fragment, the base of the first batch, and its evaluations.
  EXPECT_EQ(resumed.replayed, 2 + whole.evaluations / o.iterations);
  EXPECT_EQ(resumed.strengths, whole.strengths);
  EXPECT_EQ(resumed.loss_on, whole.loss_on);
  EXPECT_EQ(resumed.kl, whole.kl);
  EXPECT_EQ(resumed.evaluations, whole.evaluations);
  EXPECT_TRUE(read_file(out) == read_file(*dir_ / "whole.gguf"));
  const SearchResult again = search_strengths(model_, *dir_ / "base.gguf", o, out);
  EXPECT_EQ(again.strengths, whole.strengths);
  EXPECT_EQ(again.replayed, 3 + o.iterations + whole.evaluations) << "nothing is left to measure";
  o.seed = 1;
  EXPECT_ERROR(search_strengths(model_, *dir_ / "base.gguf", o, out), ErrorCode::kInvalidArgument, "seed");
}

TEST_F(Search, APartThatDoesNotLoadLeavesNothingBehind) {
  const auto file = GgufFile::open(*dir_ / "base.gguf");
  GgufWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  for (const GgufTensor& tensor : file.tensors()) writer.add_tensor(tensor.name, tensor.type, tensor.ne, file.bytes(tensor));
  writer.add_f32("blk.99.attn_q.weight.lora_a", {576, 1}, std::vector<float>(576, 0.1f));  // a layer that the base does not have
  writer.add_f32("blk.99.attn_q.weight.lora_b", {1, 576}, std::vector<float>(576, 0.1f));
  writer.write(*dir_ / "odd.gguf");
  EXPECT_THROW(search_strengths(model_, *dir_ / "odd.gguf", options(), *dir_ / "none.gguf"), Error);
  EXPECT_FALSE(std::filesystem::exists(*dir_ / "scratch"));
  EXPECT_FALSE(std::filesystem::exists(*dir_ / "none.gguf"));
}

TEST_F(Search, RefusesWhatItCannotSearch) {
  const auto search = [&](const SearchOptions& o) { search_strengths(model_, *dir_ / "base.gguf", o, *dir_ / "none.gguf"); };
  SearchOptions o = options();
  o.objective.resize(1);
  EXPECT_ERROR(search(o), ErrorCode::kInvalidArgument, "two records");
  o = options();
  o.guard.clear();
  EXPECT_ERROR(search(o), ErrorCode::kInvalidArgument, "guard");
  o = options();
  o.largest = 0.01f;
  EXPECT_ERROR(search(o), ErrorCode::kInvalidArgument, "largest");
  o = options();
  o.iterations = 0;
  EXPECT_ERROR(search(o), ErrorCode::kInvalidArgument, "iterations");
  EXPECT_FALSE(std::filesystem::exists(*dir_ / "none.gguf"));
}

}  // namespace
}  // namespace aicoder
