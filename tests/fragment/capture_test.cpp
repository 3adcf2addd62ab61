#include <gtest/gtest.h>

#include <cmath>

#include "aicoder/fragment.h"
#include "fragment/oracle.h"
#include "fragment/tiny_calibration.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class Capture : public testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = Model::load(test::require_model("smollm2-135m")); }
  static void TearDownTestSuite() { model_.reset(); }

  static size_t n_tokens(const std::vector<TextRecord>& records) {
    size_t n = 0;
    for (const TextRecord& record : records) n += tokenize_record(*model_, record).size();
    return n;
  }
  static std::vector<float> tensor(const std::string& name) {
    const GgufTensor* found = model_->file().find(name);
    std::vector<float> values(found->values());
    dequantize_rows(model_->file(), *found, 0, static_cast<size_t>(values.size() / found->ne[0]), values);
    return values;
  }

  inline static std::shared_ptr<const Model> model_;
};

TEST_F(Capture, SumsOfTheFirstLayerAgreeWithTheEmbeddingsComputedByHand) {
  // The input of blk.0.attn_q is the RMS-normed embedding of each token: no attention before it, so the file alone gives it.
  const auto records = test::code_records();
  const auto embeddings = tensor("token_embd.weight"), weight = tensor("blk.0.attn_norm.weight");
  const size_t n = model_->n_embd();
  const double epsilon = model_->file().get_float("llama.attention.layer_norm_rms_epsilon").value();
  std::vector<double> expected(n);
  for (const TextRecord& record : records) {
    for (const Token token : tokenize_record(*model_, record)) {
      const float* row = embeddings.data() + static_cast<size_t>(token) * n;
      double mean = 0;
      for (size_t j = 0; j < n; ++j) mean += static_cast<double>(row[j]) * static_cast<double>(row[j]) / static_cast<double>(n);
      for (size_t j = 0; j < n; ++j) {
        const double x = static_cast<double>(row[j]) / std::sqrt(mean + epsilon) * static_cast<double>(weight[j]);
        expected[j] += x * x;
      }
    }
  }
  const ActivationStats stats = capture(model_, records, {.max_tokens = 0, .n_threads = 1});
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"}) {
    const LayerStats& layer = stats.layers.at(name);
    ASSERT_EQ(layer.sum_squares.size(), n);
    EXPECT_EQ(layer.tokens, n_tokens(records));
    for (size_t j = 0; j < n; ++j) EXPECT_NEAR(layer.sum_squares[j], expected[j], 1e-3 * expected[j] + 1e-9) << name << " " << j;
  }
}

TEST_F(Capture, CoversEveryLinearLayerAndEveryToken) {
  const auto records = test::code_records();
  const ActivationStats stats = capture(model_, records, {.max_tokens = 0, .n_threads = 1});
  EXPECT_EQ(stats.layers.size(), 7 * model_->n_layer());
  EXPECT_EQ(stats.tokens, n_tokens(records));
  EXPECT_EQ(stats.base_fingerprint, model_->fingerprint());
  EXPECT_EQ(stats.dataset_hashes.size(), 1u);
  for (const auto& [name, layer] : stats.layers) {
    EXPECT_EQ(layer.tokens, stats.tokens) << name;  // the last block too, whose rows llama.cpp skips where no output is asked for
    const auto largest = static_cast<double>(layer.max_abs);
    double most = 0;
    for (const double s : layer.sum_squares) most = std::max(most, s);
    EXPECT_LE(largest * largest, most * (1 + 1e-6)) << name;
    EXPECT_GE(largest * largest * static_cast<double>(layer.tokens), most * (1 - 1e-6)) << name;
  }
}

TEST_F(Capture, TwoCapturesMergedEqualOneLongCapture) {
  const auto first = test::code_records(), second = test::prose_records();
  std::vector<TextRecord> both = first;
  both.insert(both.end(), second.begin(), second.end());
  ActivationStats merged = capture(model_, first, {.max_tokens = 0, .n_threads = 1});
  merged.merge(capture(model_, second, {.max_tokens = 0, .n_threads = 1}));
  const ActivationStats whole = capture(model_, both, {.max_tokens = 0, .n_threads = 1});
  EXPECT_EQ(merged.tokens, whole.tokens);
  for (const auto& [name, layer] : whole.layers) {
    const LayerStats& other = merged.layers.at(name);
    EXPECT_EQ(layer.max_abs, other.max_abs) << name;
    for (size_t j = 0; j < layer.sum_squares.size(); ++j) {
      ASSERT_NEAR(layer.sum_squares[j], other.sum_squares[j], 1e-9 * layer.sum_squares[j]) << name << " " << j;
    }
  }
}

TEST_F(Capture, SecondMomentsHaveTheNormsOfTheInputsAndAreSharedByLayers) {
  // Fewer tokens than the size: the sketch holds the inputs themselves, so its column norms are the sums.
  const auto records = test::code_records();
  const size_t n = n_tokens(records);
  const ActivationStats stats = capture(model_, records, {.max_tokens = 0, .n_threads = 1, .sketch_size = n});
  EXPECT_EQ(stats.sketches.size(), 4 * model_->n_layer());
  for (const auto& [weight, input] : std::map<std::string, std::string>{{"blk.0.attn_v.weight", "blk.0.attn_in"},
                                                                        {"blk.9.attn_output.weight", "blk.9.attn_out"},
                                                                        {"blk.29.ffn_up.weight", "blk.29.ffn_in"},
                                                                        {"blk.29.ffn_down.weight", "blk.29.ffn_mid"}}) {
    const InputSketch& sketch = stats.sketches.at(input);
    const std::vector<double>& sums = stats.layers.at(weight).sum_squares;
    ASSERT_EQ(sketch.n_in, sums.size());
    EXPECT_EQ(sketch.n_rows(), n);
    EXPECT_EQ(sketch.error, 0.0);
    for (size_t j = 0; j < sums.size(); ++j) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) sum += std::pow(static_cast<double>(sketch.rows[i * sketch.n_in + j]), 2);
      ASSERT_NEAR(sum, sums[j], 1e-9 * sums[j]) << input << " " << j;
    }
  }
}

TEST_F(Capture, SecondMomentsOfTwoTextsMergedStandForBothWithinTheirError) {
  const auto first = test::code_records(), second = test::prose_records();
  std::vector<TextRecord> both = first;
  both.insert(both.end(), second.begin(), second.end());
  const CaptureOptions small{.max_tokens = 0, .n_threads = 1, .sketch_size = 24};
  ActivationStats merged = capture(model_, first, small);
  merged.merge(capture(model_, second, small));
  const ActivationStats whole = capture(model_, both, {.max_tokens = 0, .n_threads = 1, .sketch_size = n_tokens(both)});
  for (const char* input : {"blk.0.attn_in", "blk.15.ffn_mid", "blk.29.ffn_in"}) {
    const InputSketch &small_one = merged.sketches.at(input), &exact = whole.sketches.at(input);
    test::TempDir dir;
    test::write_raw(dir / "x", exact.rows);
    test::write_raw(dir / "b", small_one.rows);
    test::run_oracle({"moments_apart", dir.path(), std::to_string(exact.n_in)});
    const auto apart = test::read_raw<double>(dir / "apart");
    EXPECT_GE(apart.at(0), -1e-5 * apart.at(2)) << input;
    EXPECT_LE(apart.at(1), small_one.error + 1e-5 * apart.at(2)) << input;
    EXPECT_LE(small_one.error, apart.at(2) / 25) << input;
  }
}

TEST_F(Capture, SecondMomentsAreTheSameEachTime) {
  const ActivationStats one = capture(model_, test::code_records(), {.max_tokens = 64, .n_threads = 1, .sketch_size = 16});
  const ActivationStats again = capture(model_, test::code_records(), {.max_tokens = 64, .n_threads = 1, .sketch_size = 16});
  for (const auto& [name, sketch] : one.sketches) EXPECT_EQ(sketch.rows, again.sketches.at(name).rows) << name;
}

TEST_F(Capture, TokenLimitIsExactAndLongRecordsAreCutIntoWindows) {
  TextRecord record;
  for (int i = 0; i < 40; ++i) record.text += "Number " + std::to_string(i) + " follows the one before. ";
  for (const size_t limit : {1u, 32u, 33u, 100u}) {
    const ActivationStats stats = capture(model_, std::vector{record}, {.max_tokens = limit, .n_window = 32, .n_threads = 1});
    EXPECT_EQ(stats.tokens, limit);
    for (const auto& [name, layer] : stats.layers) EXPECT_EQ(layer.tokens, limit) << name;
  }
}

TEST_F(Capture, ReportsProgressAndStopsWhenAsked) {
  std::stop_source source;
  size_t calls = 0;
  const auto stop_at_second = [&](const Progress& progress) {
    EXPECT_EQ(progress.unit, "tokens");
    EXPECT_EQ(progress.total, 500);
    if (++calls == 2) source.request_stop();
  };
  EXPECT_ERROR(
      capture(model_, test::code_records(), {.max_tokens = 500, .n_threads = 1, .progress = stop_at_second, .stop = source.get_token()}),
      ErrorCode::kCancelled, "");
  EXPECT_EQ(calls, 2u);
}

TEST_F(Capture, RefusesTextWithoutTokensAndWindowsWithoutRoom) {
  EXPECT_ERROR(capture(model_, std::vector<TextRecord>{}, {}), ErrorCode::kInvalidArgument, "found no token");
  EXPECT_ERROR(capture(model_, std::vector{TextRecord{}}, {}), ErrorCode::kInvalidArgument, "found no token");
  EXPECT_ERROR(capture(model_, test::code_records(), {.n_window = 1}), ErrorCode::kInvalidArgument, "n_window: expected at least 2");
}

}  // namespace
}  // namespace aicoder
