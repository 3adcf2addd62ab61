#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "aicoder/gguf.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(GgufRealModel, SmolLm2HasTheShapesItsMetadataPromises) {
  const auto file = GgufFile::open(test::require_model("smollm2-135m"));
  EXPECT_EQ(file.get_string("general.architecture"), "llama");
  const auto n_embd = static_cast<uint64_t>(file.get_int("llama.embedding_length").value());
  const auto n_layer = file.get_int("llama.block_count").value();
  EXPECT_EQ(n_embd, 576u);
  EXPECT_EQ(n_layer, 30);

  const auto tokens = file.get_strings("tokenizer.ggml.tokens").value();
  EXPECT_EQ(tokens.size(), 49152u);
  const auto* embedding = file.find("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->ne, (std::vector<uint64_t>{n_embd, tokens.size()}));
  for (int64_t layer = 0; layer < n_layer; ++layer) {
    const auto* query = file.find("blk." + std::to_string(layer) + ".attn_q.weight");
    ASSERT_NE(query, nullptr) << layer;
    EXPECT_EQ(file.bytes(*query).size(), query->bytes);
  }
}

TEST(GgufRealModel, NormWeightsAreFiniteAndNotAllZero) {
  const auto file = GgufFile::open(test::require_model("smollm2-135m"));
  const auto* norm = file.find("output_norm.weight");
  ASSERT_NE(norm, nullptr);
  const auto values = file.floats(*norm);
  EXPECT_TRUE(std::ranges::all_of(values, [](float v) { return std::isfinite(v); }));
  EXPECT_TRUE(std::ranges::any_of(values, [](float v) { return v > 0.1f; }));
}

TEST(GgufRealModel, HalfOfItIsRefusedAsTruncated) {
  const auto model = test::require_model("smollm2-135m");
  const test::TempDir dir;
  const auto cut = dir / "cut.gguf";
  std::filesystem::copy_file(model, cut);
  std::filesystem::resize_file(cut, std::filesystem::file_size(model) / 2);
  try {
    (void)GgufFile::open(cut);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
    EXPECT_NE(std::string(error.what()).find("truncated: file has 49181216 bytes, tensor '"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace aicoder
