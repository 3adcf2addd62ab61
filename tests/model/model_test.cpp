#include "aicoder/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "model/smollm.h"
#include "model/tiny_model.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::smollm;

TEST(Model, SaysWhatItIs) {
  EXPECT_EQ(smollm()->architecture(), "llama");
  EXPECT_EQ(smollm()->n_layer(), 30u);
  EXPECT_EQ(smollm()->n_embd(), 576u);
  EXPECT_EQ(smollm()->n_vocab(), 49152u);
  EXPECT_EQ(smollm()->n_ctx_train(), 8192u);
  EXPECT_NEAR(static_cast<double>(smollm()->n_params()), 134.5e6, 1e6);
  EXPECT_NE(engine_description().find("llama.cpp"), std::string::npos);
}

TEST(Model, DetokenizeGivesBackTheText) {
  for (const std::string text :
       {"Hello, world!", "  two  spaces\n\ttab\r\n", "안녕하세요, 세계! 한글과 漢字와 emoji 😀", "def f(x):\n    return x**2  # ½", ""}) {
    const auto tokens = smollm()->tokenize(text);
    EXPECT_EQ(smollm()->detokenize(tokens), text);
    std::string pieces;
    for (Token token : tokens) pieces += smollm()->piece(token);
    EXPECT_EQ(pieces, text);
  }
}

TEST(Model, ControlTokensAreReadOnlyWhenAsked) {
  EXPECT_EQ(smollm()->tokenize("<|im_end|>", {.parse_special = true}).size(), 1u);
  EXPECT_GT(smollm()->tokenize("<|im_end|>").size(), 1u);
  const Token end = smollm()->tokenize("<|im_end|>", {.parse_special = true}).front();
  EXPECT_TRUE(smollm()->is_end(end));
  EXPECT_EQ(smollm()->piece(end), "");
  EXPECT_EQ(smollm()->piece(end, true), "<|im_end|>");
  EXPECT_FALSE(smollm()->is_end(-1));
  EXPECT_FALSE(smollm()->is_end(smollm()->tokenize("a").front()));
}

TEST(Model, TokensOutsideTheVocabularyAreRefused) {
  EXPECT_ERROR(smollm()->piece(-1), ErrorCode::kInvalidArgument, "token -1");
  EXPECT_ERROR(smollm()->piece(49152), ErrorCode::kInvalidArgument, "49152");
  EXPECT_ERROR(smollm()->detokenize(std::vector<Token>{1, 1 << 30}), ErrorCode::kInvalidArgument, "vocabulary");
}

TEST(Model, MissingFileIsNotFound) { EXPECT_ERROR(Model::load("/nonexistent/m.gguf"), ErrorCode::kNotFound, "/nonexistent/m.gguf"); }

TEST(Model, GarbageAndTruncatedFilesAreRefused) {
  test::TempDir dir;
  std::ofstream(dir / "garbage.gguf") << std::string(4096, 'x');
  EXPECT_ERROR(Model::load(dir / "garbage.gguf"), ErrorCode::kDataLoss, "garbage.gguf");
  std::ofstream(dir / "empty.gguf").flush();
  EXPECT_ERROR(Model::load(dir / "empty.gguf"), ErrorCode::kDataLoss, "empty.gguf");

  const auto whole = test::TinyModel().write(dir / "tiny.gguf");
  const auto bytes = read_file(whole);
  for (size_t share = 1; share < 10; ++share) {
    std::ofstream(dir / "cut.gguf", std::ios::binary) << bytes.substr(0, bytes.size() * share / 10);
    EXPECT_ERROR(Model::load(dir / "cut.gguf"), ErrorCode::kDataLoss, "cut.gguf");
  }
}

TEST(Model, StopBeforeOrWhileLoadingCancels) {
  std::stop_source stop;
  EXPECT_ERROR(Model::load(smollm()->path(), {.progress = [&](const Progress&) { stop.request_stop(); }, .stop = stop.get_token()}),
               ErrorCode::kCancelled, "");
}

TEST(Model, ProgressReceiverMayThrow) {
  const auto thrower = [](const Progress&) { throw Error(ErrorCode::kUnavailable, "receiver is gone"); };
  EXPECT_ERROR(Model::load(smollm()->path(), {.progress = thrower}), ErrorCode::kUnavailable, "receiver is gone");
}

TEST(Model, FingerprintIsOfTheWeightsAndNotOfTheFile) {
  test::TempDir dir;
  test::TinyModel tiny;
  const auto base = Model::load(tiny.write(dir / "a.gguf"))->fingerprint();
  EXPECT_EQ(base.size(), 64u);
  tiny.metadata["general.name"] = std::string("renamed");
  EXPECT_EQ(Model::load(tiny.write(dir / "b.gguf"))->fingerprint(), base);
  tiny.tensors["blk.0.ffn_up.weight"].values.back() += 1;
  EXPECT_NE(Model::load(tiny.write(dir / "c.gguf"))->fingerprint(), base);
  EXPECT_NE(smollm()->fingerprint(), base);
}

TEST(DequantizeRows, ReadsTheFilesOwnValues) {
  const auto& file = smollm()->file();
  const GgufTensor* norm = file.find("output_norm.weight");
  ASSERT_NE(norm, nullptr);
  std::vector<float> row(norm->ne[0]);
  dequantize_rows(file, *norm, 0, 1, row);
  EXPECT_TRUE(std::equal(row.begin(), row.end(), file.floats(*norm).begin()));
}

// Q4_1: two half floats (scale, minimum), then 32 values of 4 bits, low halves first. Decoded here by hand.
TEST(DequantizeRows, Q4_1BlocksAsTheirDefinitionSays) {
  const auto& file = smollm()->file();
  const GgufTensor* weight = file.find("blk.3.attn_q.weight");
  ASSERT_NE(weight, nullptr);
  ASSERT_EQ(weight->type, GgufType::kQ4_1);
  const size_t cols = weight->ne[0];
  std::vector<float> rows(2 * cols);
  dequantize_rows(file, *weight, 5, 2, rows);
  const auto half = [](const std::byte* bytes) {
    uint16_t bits = 0;
    std::memcpy(&bits, bytes, 2);
    const double fraction = (bits & 0x3FF) / 1024.0;
    const int exponent = (bits >> 10) & 31;
    const double value = exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
    return bits & 0x8000 ? -value : value;
  };
  const std::byte* data = file.bytes(*weight).data() + 5 * cols / 32 * 20;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::byte* block = data + i / 32 * 20;
    const size_t within = i % 32;
    const int bits = within < 16 ? static_cast<int>(block[4 + within]) & 15 : static_cast<int>(block[4 + within - 16]) >> 4;
    ASSERT_NEAR(rows[i], half(block) * bits + half(block + 2), 1e-6) << i;
  }
}

TEST(DequantizeRows, RefusesRowsAndRoomThatDoNotFit) {
  const auto& file = smollm()->file();
  const GgufTensor& weight = *file.find("blk.0.attn_q.weight");
  std::vector<float> room(weight.ne[0]);
  EXPECT_ERROR(dequantize_rows(file, weight, weight.ne[1], 1, room), ErrorCode::kInvalidArgument, "rows");
  EXPECT_ERROR(dequantize_rows(file, weight, std::numeric_limits<size_t>::max(), 2, room), ErrorCode::kInvalidArgument, "rows");
  EXPECT_ERROR(dequantize_rows(file, weight, 0, 2, room), ErrorCode::kInvalidArgument, "room");
}

}  // namespace
}  // namespace aicoder
