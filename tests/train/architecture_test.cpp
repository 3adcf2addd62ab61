// What the training graph refuses before ggml, which aborts, could see it.
#include "train/architecture.h"

#include <gtest/gtest.h>

#include "support/error_matcher.h"
#include "support/test_model.h"
#include "train/tiny_base.h"

namespace aicoder::test {
namespace {

using train::Architecture;
using train::read_architecture;

class ReadArchitecture : public ::testing::Test {
 protected:
  /// A tiny base, rewritten: metadata changed, a tensor left out, renamed or reshaped.
  GgufFile changed(const std::function<void(GgufWriter&)>& metadata, const std::string& without = {}, const std::string& extra = {}) const {
    const GgufFile base = GgufFile::open(TinyBase{}.write(dir_ / "base.gguf"));
    GgufWriter writer;
    for (const auto& [key, value] : base.metadata()) writer.set(key, value);
    metadata(writer);
    for (const GgufTensor& tensor : base.tensors()) {
      if (tensor.name != without) writer.add_tensor(tensor.name, tensor.type, tensor.ne, base.bytes(tensor));
    }
    if (!extra.empty()) writer.add_f32(extra, {8, 4}, std::vector<float>(32));
    writer.write(dir_ / "changed.gguf");
    return GgufFile::open(dir_ / "changed.gguf");
  }
  static void nothing(GgufWriter&) {}
  const TempDir dir_;
};

TEST_F(ReadArchitecture, ReadsTheShape) {
  const Architecture a =
      read_architecture(GgufFile::open(TinyBase{.family = "qwen3", .head_dim = 32, .tied = true}.write(dir_ / "base.gguf")));
  EXPECT_EQ(a.n_embd, 64);
  EXPECT_EQ(a.n_q(), 128);
  EXPECT_EQ(a.n_kv(), 64);
  EXPECT_TRUE(a.rope_halves);
  EXPECT_TRUE(a.qk_norm);
  EXPECT_TRUE(a.tied_embeddings);
}

TEST_F(ReadArchitecture, WhatTheGraphDoesNotKnowIsRefusedByName) {
  const auto refused = [&](const char* part, const std::function<void(GgufWriter&)>& change) {
    EXPECT_ERROR(read_architecture(changed(change)), ErrorCode::kUnimplemented, part);
  };
  refused("'gemma3'", [](GgufWriter& w) { w.set("general.architecture", std::string("gemma3")); });
  refused("experts", [](GgufWriter& w) { w.set("llama.expert_count", uint32_t{8}); });
  refused("rope scaling 'yarn'", [](GgufWriter& w) { w.set("llama.rope.scaling.type", std::string("yarn")); });
  refused("differ in size", [](GgufWriter& w) { w.set("llama.rope.dimension_count", uint32_t{8}); });
  EXPECT_ERROR(read_architecture(changed(nothing, {}, "blk.0.ffn_gate_exps.weight")), ErrorCode::kUnimplemented, "ffn_gate_exps");
}

TEST_F(ReadArchitecture, MissingOrMisshapenPartsAreBrokenFiles) {
  EXPECT_ERROR(read_architecture(changed(nothing, "blk.1.attn_v.weight")), ErrorCode::kDataLoss, "blk.1.attn_v.weight is missing");
  EXPECT_ERROR(read_architecture(changed(nothing, "blk.0.ffn_up.weight", "blk.0.ffn_up.weight")), ErrorCode::kDataLoss, "another shape");
  EXPECT_ERROR(read_architecture(changed([](GgufWriter& w) { w.set("llama.block_count", uint32_t{3}); })), ErrorCode::kDataLoss,
               "is missing");
  EXPECT_ERROR(read_architecture(changed([](GgufWriter& w) { w.set("llama.attention.head_count_kv", uint32_t{3}); })), ErrorCode::kDataLoss,
               "no multiple");
  EXPECT_ERROR(read_architecture(changed([](GgufWriter& w) { w.set("llama.embedding_length", uint32_t{0}); })), ErrorCode::kDataLoss,
               "embedding_length");
}

}  // namespace
}  // namespace aicoder::test
