#include "fragment/steer_recipe.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fragment/tiny_base.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr size_t kEmbd = test::TinyModel::kEmbd, kLayers = 6;

/// A base of six layers, two texts and a prompt.
class SteerRecipe : public testing::Test {
 protected:
  SteerRecipe() : model_(Model::load(test::TinyModel(kLayers).write(dir_ / "base.gguf"))) {
    pairs_ = {.model = model_, .records = {{.text = "a b c d e f g h"}, {.text = "z y x w v u"}}, .prompt = "q r s t"};
  }
  FragmentSpec spec() const { return {.name = "tone", .recipe = Recipe::kSteer, .n_threads = 1, .pairs = &pairs_}; }
  void expect_refused(const FragmentSpec& bad, ErrorCode code, const char* message) const {
    EXPECT_ERROR(build_fragment(*model_, bad, dir_ / "refused.gguf"), code, message);
    EXPECT_FALSE(std::filesystem::exists(dir_ / "refused.gguf"));
  }
  /// The residual stream after one layer for the last `n` tokens of a text.
  std::vector<float> stream(const std::string& text, size_t layer, size_t n, std::span<const ActiveAdapter> adapters = {}) const {
    Context context(model_, {.n_ctx_seq = 128, .n_threads = 1});
    set_adapters(context, adapters);
    std::vector<float> rows;
    context.observe_residual([&](size_t at, std::span<const float> values, size_t) {
      if (at == layer) rows.insert(rows.end(), values.begin(), values.end());
    });
    context.logits(model_->tokenize(text, {.add_special = true}));
    return {rows.end() - static_cast<std::ptrdiff_t>(n * kEmbd), rows.end()};
  }
  /// Mean over all aligned tokens of the stream with the prompt minus with `against` (or without), computed apart from the recipe.
  std::vector<double> mean_change(size_t layer, const std::string& against = {}) const {
    std::vector<double> mean(kEmbd);
    const auto text = fragment::align_records(pairs_);
    for (size_t r = 0; r < pairs_.records.size(); ++r) {
      const std::string& words = pairs_.records[r].text;
      const size_t n = text.records[r].n_aligned;
      const auto with = stream(pairs_.prompt + "\n\n" + words, layer, n);
      const auto without = stream(against.empty() ? words : against + "\n\n" + words, layer, n);
      for (size_t i = 0; i < with.size(); ++i) {
        mean[i % kEmbd] += (static_cast<double>(with[i]) - static_cast<double>(without[i])) / static_cast<double>(text.n_tokens);
      }
    }
    return mean;
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  PromptPairs pairs_;
};

TEST_F(SteerRecipe, OneLayerGetsTheMeanChangeOfTheStream) {
  FragmentSpec one = spec();
  one.layers = {3, 3};
  const FragmentBuild build = build_fragment(*model_, one, dir_ / "f.gguf");
  const auto vectors = control_vectors(GgufFile::open(build.path));
  ASSERT_EQ(vectors.size(), 1u);
  const auto expected = mean_change(3);
  double size = 0;
  for (size_t i = 0; i < kEmbd; ++i) {
    EXPECT_NEAR(vectors.at(3)[i], expected[i], 1e-5);
    size += expected[i] * expected[i];
  }
  ASSERT_EQ(build.vectors.size(), 1u);
  EXPECT_NEAR(build.vectors[0].norm, std::sqrt(size), 1e-5);
  EXPECT_GT(build.vectors[0].norm, 1e-3) << "the prompt should matter, or the test shows nothing";
  EXPECT_GT(build.vectors[0].shared, 0.0);
  EXPECT_LE(build.vectors[0].shared, 1.0);
}

TEST_F(SteerRecipe, LaterLayersGetWhatTheirsHasBeyondTheOneBefore) {
  const FragmentBuild build = build_fragment(*model_, spec(), dir_ / "f.gguf");  // the middle third of six: 2, 3, 4
  const auto vectors = control_vectors(GgufFile::open(build.path));
  ASSERT_EQ(vectors.size(), 3u);
  const auto d2 = mean_change(2), d4 = mean_change(4);
  for (size_t i = 0; i < kEmbd; ++i) {
    EXPECT_NEAR(vectors.at(2)[i], d2[i], 1e-5);
    EXPECT_NEAR(vectors.at(2)[i] + vectors.at(3)[i] + vectors.at(4)[i], d4[i], 1e-5);
  }
}

TEST_F(SteerRecipe, AgainstAnotherPromptTheDifferenceIsBetweenTheTwo) {
  pairs_.against = "m n o p";
  FragmentSpec one = spec();
  one.layers = {2, 2};
  const auto vectors = control_vectors(GgufFile::open(build_fragment(*model_, one, dir_ / "f.gguf").path));
  const auto expected = mean_change(2, pairs_.against);
  for (size_t i = 0; i < kEmbd; ++i) EXPECT_NEAR(vectors.at(2)[i], expected[i], 1e-5);
}

TEST_F(SteerRecipe, OfTwoSetsOfAnswersTheDifferenceOfTheirMeans) {
  pairs_.prompt.clear();
  pairs_.opposite = {{.text = "m n o p q r"}};
  FragmentSpec one = spec();
  one.layers = {2, 2};
  const auto build = build_fragment(*model_, one, dir_ / "f.gguf");
  const auto vectors = control_vectors(GgufFile::open(build.path));
  const auto mean = [&](const std::vector<TextRecord>& records) {
    std::vector<double> sum(kEmbd);
    size_t n = 0;
    for (const auto& record : records) {
      const size_t n_tokens = model_->tokenize(record.text, {.add_special = true}).size() - 1;  // not the first one
      const auto rows = stream(record.text, 2, n_tokens);
      for (size_t i = 0; i < rows.size(); ++i) sum[i % kEmbd] += static_cast<double>(rows[i]);
      n += n_tokens;
    }
    for (double& v : sum) v /= static_cast<double>(n);
    return sum;
  };
  const auto a = mean(pairs_.records), b = mean(pairs_.opposite);
  for (size_t i = 0; i < kEmbd; ++i) EXPECT_NEAR(vectors.at(2)[i], a[i] - b[i], 1e-5);
  EXPECT_GT(build.vectors[0].shared, 0.0);
  EXPECT_LT(build.vectors[0].shared, 1.0);
  EXPECT_EQ(inspect_fragment(build.path).calibration_hashes.size(), 2u);

  pairs_.prompt = "q";
  expect_refused(spec(), ErrorCode::kInvalidArgument, "found both");
  pairs_.prompt.clear();
  pairs_.opposite = {{.text = ""}};
  expect_refused(spec(), ErrorCode::kInvalidArgument, "expected answers, found none");
}

TEST_F(SteerRecipe, MovesTheMeanOfTheStreamToWhereThePromptHadIt) {
  FragmentSpec one = spec();
  one.layers = {3, 3};
  const auto build = build_fragment(*model_, one, dir_ / "f.gguf");
  const std::vector<ActiveAdapter> steered{{Adapter::load(model_, build.path), 1.0f}};
  const auto text = fragment::align_records(pairs_);
  std::vector<double> difference(kEmbd);
  for (size_t r = 0; r < pairs_.records.size(); ++r) {
    const size_t n = text.records[r].n_aligned;
    const auto wanted = stream(pairs_.prompt + "\n\n" + pairs_.records[r].text, 3, n),
               found = stream(pairs_.records[r].text, 3, n, steered);
    for (size_t i = 0; i < found.size(); ++i) {
      difference[i % kEmbd] += (static_cast<double>(found[i]) - static_cast<double>(wanted[i])) / static_cast<double>(text.n_tokens);
    }
  }
  for (const double d : difference) EXPECT_NEAR(d, 0, 1e-5);
}

TEST_F(SteerRecipe, TheFileSaysWhatItIs) {
  pairs_.against = "m n o p";
  const auto build = build_fragment(*model_, spec(), dir_ / "f.gguf");
  const FragmentInfo info = inspect_fragment(build.path);
  EXPECT_EQ(info.recipe, "steer");
  EXPECT_EQ(info.prompt, "q r s t");
  EXPECT_EQ(info.against, "m n o p");
  EXPECT_TRUE(info.tensors.empty());
  ASSERT_EQ(info.vectors.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(info.vectors[i].layer, i + 2);
    EXPECT_NEAR(info.vectors[i].norm, build.vectors[i].norm, 1e-5);
    EXPECT_NEAR(info.vectors[i].relative, build.vectors[i].relative, 1e-5);
    EXPECT_NEAR(info.vectors[i].shared, build.vectors[i].shared, 1e-5);
  }
  const std::string before = fragment_tensor_hash(build.path);
  update_fragment(build.path, 0.5f, {{.suite = "s", .n = 3}});
  EXPECT_EQ(fragment_tensor_hash(build.path), before);
  EXPECT_EQ(inspect_fragment(build.path).strength, 0.5f);
  EXPECT_EQ(control_vectors(GgufFile::open(build.path)).size(), 3u);
}

TEST_F(SteerRecipe, ExportedAsLlamaCppReadsIt) {
  const auto build = build_fragment(*model_, spec(), dir_ / "f.gguf");
  EXPECT_EQ(export_control_vectors(build.path, 2.0f, dir_ / "cv.gguf"), 3u);
  const GgufFile file = GgufFile::open(dir_ / "cv.gguf");
  EXPECT_EQ(file.get_string("general.architecture"), "controlvector");
  EXPECT_EQ(file.get_string("controlvector.model_hint"), "llama");
  EXPECT_EQ(file.get_int("controlvector.layer_count"), 3);
  const auto vectors = control_vectors(GgufFile::open(build.path));
  for (const auto& [layer, vector] : vectors) {
    const GgufTensor* tensor = file.find("direction." + std::to_string(layer));
    ASSERT_NE(tensor, nullptr);
    ASSERT_EQ(tensor->ne, std::vector<uint64_t>{kEmbd});
    for (size_t i = 0; i < kEmbd; ++i) EXPECT_EQ(file.floats(*tensor)[i], 2.0f * vector[i]);
  }
  EXPECT_ERROR(export_control_vectors(build.path, 0.0f, dir_ / "no.gguf"), ErrorCode::kInvalidArgument, "strength other than 0");
  const auto lora = test::random_fragment(*model_, "lora", 0.2f, 4, 4, 1).write(dir_ / "lora.gguf");
  EXPECT_ERROR(export_control_vectors(lora, 1.0f, dir_ / "no.gguf"), ErrorCode::kInvalidArgument, "expected control vectors, found none");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "no.gguf"));
}

TEST_F(SteerRecipe, WhatNeedsFactorsRefusesVectors) {
  const auto steer = build_fragment(*model_, spec(), dir_ / "f.gguf").path;
  update_fragment(steer, 0.5f, {});
  const auto lora = test::random_fragment(*model_, "lora", 0.2f, 4, 4, 1).write(dir_ / "lora.gguf");
  EXPECT_ERROR(merge_fragments(std::vector<MergePart>{{steer, {}}, {lora, {}}}, {.name = "sum"}, dir_ / "sum.gguf"),
               ErrorCode::kUnimplemented, "control vectors");
  EXPECT_ERROR(export_peft(*model_, steer, dir_ / "peft"), ErrorCode::kUnimplemented, "control vectors");
  EXPECT_ERROR(diff_fragments(steer, lora), ErrorCode::kUnimplemented, "control vectors");
  EXPECT_ERROR(search_strengths(model_, steer, {.objective = pairs_.records, .guard = pairs_.records}, dir_ / "s.gguf"),
               ErrorCode::kUnimplemented, "control vectors");
}

TEST_F(SteerRecipe, RefusesLayersAndPromptsThatMakeNoSense) {
  FragmentSpec bad = spec();
  bad.layers = {0, 3};
  expect_refused(bad, ErrorCode::kInvalidArgument, "expected a range within 1 to 5, found 0 to 3");
  bad.layers = {4, 3};
  expect_refused(bad, ErrorCode::kInvalidArgument, "found 4 to 3");
  bad.layers = {1, 6};
  expect_refused(bad, ErrorCode::kInvalidArgument, "found 1 to 6");
  pairs_.against = pairs_.prompt;
  expect_refused(spec(), ErrorCode::kFailedPrecondition, "the two sides are the same");
  pairs_.prompt = " ";
  expect_refused(spec(), ErrorCode::kInvalidArgument, "expected a prompt");
  pairs_.prompt = "q";
  FragmentSpec distill = spec();
  distill.recipe = Recipe::kDistill;
  expect_refused(distill, ErrorCode::kInvalidArgument, "recipe distill takes no other side");
  const auto one_layer = Model::load(test::TinyModel().write(dir_ / "one.gguf"));
  pairs_.model = one_layer;
  expect_refused(spec(), ErrorCode::kInvalidArgument, "expected pairs read by base");
  EXPECT_ERROR(build_fragment(*one_layer, spec(), dir_ / "refused.gguf"), ErrorCode::kUnimplemented, "at least 2 layers");
  std::stop_source source;
  source.request_stop();
  pairs_.model = model_;
  pairs_.against.clear();
  FragmentSpec stopped = spec();
  stopped.stop = source.get_token();
  expect_refused(stopped, ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder
