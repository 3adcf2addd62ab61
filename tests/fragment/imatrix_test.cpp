#include <gtest/gtest.h>

#include <limits>

#include "fragment/oracle.h"
#include "fragment/stats_fixture.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

/// What llama-imatrix writes: sums and counts, no aicoder metadata.
GgufWriter foreign_imatrix() {
  GgufWriter writer;
  writer.set("general.type", std::string("imatrix"));
  writer.set("imatrix.datasets", GgufArray(std::vector<std::string>{"wiki.txt"}));
  writer.set("imatrix.chunk_count", uint32_t{2});
  writer.set("imatrix.chunk_size", uint32_t{512});
  return writer;
}

TEST(Imatrix, ReadsBackWhatItWrote) {
  test::TempDir dir;
  const ActivationStats stats = test::small_stats(3);
  write_imatrix(stats, dir / "s.gguf");
  const ActivationStats again = read_imatrix(dir / "s.gguf");
  ASSERT_EQ(again.layers.size(), stats.layers.size());
  for (const auto& [name, layer] : stats.layers) {
    const LayerStats& read = again.layers.at(name);
    ASSERT_EQ(read.sum_squares.size(), layer.sum_squares.size());
    for (size_t j = 0; j < layer.sum_squares.size(); ++j)
      EXPECT_FLOAT_EQ(static_cast<float>(read.sum_squares[j]), static_cast<float>(layer.sum_squares[j]));
    EXPECT_EQ(read.tokens, layer.tokens);
    EXPECT_EQ(read.max_abs, layer.max_abs);
  }
  EXPECT_EQ(again.base_fingerprint, stats.base_fingerprint);
  EXPECT_EQ(again.dataset_hashes, stats.dataset_hashes);
  EXPECT_EQ(again.tokens, stats.tokens);
}

TEST(Imatrix, ReadsBackSecondMoments) {
  test::TempDir dir;
  const ActivationStats stats = test::small_stats_with_sketches(2);
  write_imatrix(stats, dir / "s.gguf");
  const ActivationStats again = read_imatrix(dir / "s.gguf");
  ASSERT_EQ(again.sketches.size(), 2u);
  for (const auto& [name, sketch] : stats.sketches) {
    const InputSketch& read = again.sketches.at(name);
    EXPECT_EQ(read.rows, sketch.rows);
    EXPECT_EQ(read.n_in, 6u);
    EXPECT_EQ(read.size, 4u);
    EXPECT_GE(read.error, sketch.error);
    EXPECT_NEAR(read.error, sketch.error, 1e-6 * sketch.error);
  }
  EXPECT_EQ(again.layers.size(), stats.layers.size()) << "a sketch is no layer";
}

TEST(Imatrix, RefusesBrokenSecondMoments) {
  test::TempDir dir;
  const auto written = [&](const auto& change) {
    GgufWriter writer;
    write_imatrix(test::small_stats(1), dir / "plain.gguf");
    const GgufFile plain = GgufFile::open(dir / "plain.gguf");
    for (const auto& [key, value] : plain.metadata()) writer.set(key, value);
    for (const GgufTensor& tensor : plain.tensors()) writer.add_tensor(tensor.name, tensor.type, tensor.ne, plain.bytes(tensor));
    writer.set("aicoder.sketch.size", uint32_t{2});
    writer.set("aicoder.sketch.error", GgufArray(std::vector<float>{0.5f}));
    change(writer);
    writer.write(dir / "s.gguf");
    return dir / "s.gguf";
  };
  const auto good = [](GgufWriter& writer) { writer.add_f32("blk.0.attn_in.sketch", {3, 2}, {1, 2, 3, 4, 5, 6}); };
  EXPECT_EQ(read_imatrix(written(good)).sketches.at("blk.0.attn_in").n_rows(), 2u);
  EXPECT_ERROR(read_imatrix(written([&](GgufWriter& w) {
                 good(w);
                 w.set("aicoder.sketch.size", uint32_t{1});
               })),
               ErrorCode::kDataLoss, "expected 1 to 1 rows, found 2");
  EXPECT_ERROR(read_imatrix(written([&](GgufWriter& w) {
                 good(w);
                 w.set("aicoder.sketch.error", GgufArray(std::vector<float>{}));
               })),
               ErrorCode::kDataLoss, "expected 1 values, found 0");
  EXPECT_ERROR(read_imatrix(written([&](GgufWriter& w) {
                 good(w);
                 w.set("aicoder.sketch.error", GgufArray(std::vector<float>{-1}));
               })),
               ErrorCode::kDataLoss, "not below 0");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(read_imatrix(written([&](GgufWriter& w) { w.add_f32("blk.0.attn_in.sketch", {3, 1}, {1, nan, 3}); })), ErrorCode::kDataLoss,
               "finite values");
  EXPECT_ERROR(read_imatrix(written([&](GgufWriter& w) { w.add_f32("blk.0.attn_in.sketch", {1, 1, 2}, {1, 3}); })), ErrorCode::kDataLoss,
               "expected a matrix");
}

TEST(Imatrix, HoldsTheKeysAndTensorsThatLlamaImatrixReads) {
  test::TempDir dir;
  write_imatrix(test::small_stats(3), dir / "s.gguf");
  const std::string seen = test::run_oracle({"imatrix_dump", dir.path()});
  EXPECT_EQ(seen,
            "general.type imatrix\n"
            "imatrix.datasets ['sha256:hash3']\n"
            "imatrix.chunk_count 1\n"
            "imatrix.chunk_size 512\n"
            "blk.0.attn_q.weight.counts F32 [1] sum 30\n"
            "blk.0.attn_q.weight.in_sum2 F32 [6]\n"
            "blk.1.ffn_down.weight.counts F32 [1] sum 30\n"
            "blk.1.ffn_down.weight.in_sum2 F32 [6]\n");
}

TEST(Imatrix, ReadsAForeignFile) {
  test::TempDir dir;
  GgufWriter writer = foreign_imatrix();
  writer.add_f32("blk.0.attn_q.weight.in_sum2", {3}, {1, 4, 9});
  writer.add_f32("blk.0.attn_q.weight.counts", {1}, {1024});
  writer.add_f32("blk.0.ffn_down_exps.weight.in_sum2", {3, 2}, {1, 1, 1, 1, 1, 1});
  writer.add_f32("blk.0.ffn_down_exps.weight.counts", {1, 2}, {5, 6});
  writer.write(dir / "f.gguf");
  const ActivationStats stats = read_imatrix(dir / "f.gguf");
  ASSERT_EQ(stats.layers.size(), 1u) << "expert tensors are left out";
  EXPECT_EQ(stats.layers.at("blk.0.attn_q.weight").sum_squares, (std::vector<double>{1, 4, 9}));
  EXPECT_EQ(stats.tokens, 1024u);
  EXPECT_EQ(stats.layers.at("blk.0.attn_q.weight").max_abs, 0.0f) << "not known";
  EXPECT_TRUE(stats.base_fingerprint.empty());
  EXPECT_EQ(stats.dataset_hashes, (std::vector<std::string>{"wiki.txt"}));
}

TEST(Imatrix, RefusesSumsThatAreNoSumsOfSquares) {
  test::TempDir dir;
  for (const float bad : {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    GgufWriter writer = foreign_imatrix();
    writer.add_f32("blk.0.attn_q.weight.in_sum2", {2}, {1, bad});
    writer.add_f32("blk.0.attn_q.weight.counts", {1}, {8});
    writer.write(dir / "bad.gguf");
    EXPECT_ERROR(read_imatrix(dir / "bad.gguf"), ErrorCode::kDataLoss, "expected finite sums of squares");
  }
}

TEST(Imatrix, RefusesWhatIsNoImatrix) {
  test::TempDir dir;
  GgufWriter other;
  other.set("general.type", std::string("model"));
  other.add_f32("x", {1}, {1});
  other.write(dir / "model.gguf");
  EXPECT_ERROR(read_imatrix(dir / "model.gguf"), ErrorCode::kInvalidArgument, "expected general.type imatrix, found model");

  foreign_imatrix().write(dir / "empty.gguf");
  EXPECT_ERROR(read_imatrix(dir / "empty.gguf"), ErrorCode::kDataLoss, "found none");

  GgufWriter half = foreign_imatrix();
  half.add_f32("blk.0.attn_q.weight.in_sum2", {2}, {1, 2});
  half.write(dir / "half.gguf");
  EXPECT_ERROR(read_imatrix(dir / "half.gguf"), ErrorCode::kDataLoss, "expected blk.0.attn_q.weight.counts");

  GgufWriter newer = foreign_imatrix();
  newer.set("aicoder.version", uint32_t{2});
  newer.write(dir / "newer.gguf");
  EXPECT_ERROR(read_imatrix(dir / "newer.gguf"), ErrorCode::kFailedPrecondition, "expected version 1, found 2");

  EXPECT_ERROR(read_imatrix(dir / "absent.gguf"), ErrorCode::kNotFound, "");
}

TEST(Imatrix, RefusesToWriteWhatItWouldNotRead) {
  test::TempDir dir;
  EXPECT_ERROR(write_imatrix({}, dir / "s.gguf"), ErrorCode::kInvalidArgument, "at least one layer");
  ActivationStats stats = test::small_stats(1);
  stats.layers.begin()->second.sum_squares[0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_ERROR(write_imatrix(stats, dir / "s.gguf"), ErrorCode::kInvalidArgument, "finite");
  stats = test::small_stats_with_sketches(1);
  stats.sketches.begin()->second.rows.resize(30);
  EXPECT_ERROR(write_imatrix(stats, dir / "s.gguf"), ErrorCode::kInvalidArgument, "expected a compressed sketch of 4 rows");
  EXPECT_FALSE(std::filesystem::exists(dir / "s.gguf"));
}

}  // namespace
}  // namespace aicoder
