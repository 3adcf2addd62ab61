// Files that are well-formed GGUF but no model llama.cpp could load: each is refused by name before ggml sees it, where it would
// abort the process. Loading them through Model::load shows that the gate stands before llama.cpp.
#include "model/model_check.h"

#include <gtest/gtest.h>

#include <functional>

#include "aicoder/model.h"
#include "model/tiny_model.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class ModelCheck : public ::testing::Test {
 protected:
  /// Changes the tiny model and loads it.
  void load(const std::function<void(test::TinyModel&)>& change) {
    test::TinyModel tiny;
    change(tiny);
    Model::load(tiny.write(dir_ / "tiny.gguf"));
  }
  test::TempDir dir_;
};

TEST_F(ModelCheck, TinyModelItselfLoadsAndRuns) {
  const auto model = Model::load(test::TinyModel().write(dir_ / "tiny.gguf"));
  Context context(model, {.n_ctx_seq = 64, .n_threads = 1});
  const auto logits = context.logits(std::vector<Token>{1, 260, 261});
  EXPECT_EQ(logits.size(), 3 * model->n_vocab());
  EXPECT_EQ(model->n_layer(), 1u);
  EXPECT_EQ(model->name(), "tiny");
}

TEST_F(ModelCheck, RefusesAnAdapterAndAnImatrixAsModel) {
  EXPECT_ERROR(load([](auto& m) { m.metadata["general.type"] = std::string("adapter"); }), ErrorCode::kInvalidArgument, "'adapter'");
  EXPECT_ERROR(load([](auto& m) { m.metadata["general.type"] = std::string("imatrix"); }), ErrorCode::kInvalidArgument, "'imatrix'");
}

TEST_F(ModelCheck, RefusesAFileWithoutTensorsOrArchitecture) {
  EXPECT_ERROR(load([](auto& m) { m.tensors.clear(); }), ErrorCode::kInvalidArgument, "no tensors");
  EXPECT_ERROR(load([](auto& m) { m.metadata.erase("general.architecture"); }), ErrorCode::kDataLoss, "general.architecture");
}

TEST_F(ModelCheck, UnknownArchitectureIsUnimplemented) {
  EXPECT_ERROR(load([](auto& m) {
                 m.metadata["general.architecture"] = std::string("notallama");
                 for (const char* key : {"block_count", "context_length", "embedding_length"}) {
                   m.metadata[std::string("notallama.") + key] = m.metadata[std::string("llama.") + key];
                 }
               }),
               ErrorCode::kUnimplemented, "notallama");
}

TEST_F(ModelCheck, RefusesLayerCountsThatLlamaAbortsOn) {
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.block_count"] = uint32_t{0}; }), ErrorCode::kDataLoss, "llama.block_count");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.block_count"] = uint32_t{100000}; }), ErrorCode::kDataLoss, "llama.block_count");
  EXPECT_ERROR(load([](auto& m) { m.metadata.erase("llama.block_count"); }), ErrorCode::kDataLoss, "llama.block_count");
}

TEST_F(ModelCheck, RefusesMissingLayers) {
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.block_count"] = uint32_t{2}; }), ErrorCode::kDataLoss, "blk.1");
  EXPECT_ERROR(load([](auto& m) { m.tensors.erase("blk.0.ffn_up.weight"); }), ErrorCode::kDataLoss, "ffn_up");
}

TEST_F(ModelCheck, RefusesHeadCountsThatDoNotDivide) {
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.attention.head_count"] = uint32_t{5}; }), ErrorCode::kDataLoss, "head_count");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.attention.head_count_kv"] = uint32_t{3}; }), ErrorCode::kDataLoss, "head_count_kv");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.attention.head_count"] = uint32_t{7}; }), ErrorCode::kDataLoss, "head_count");
}

TEST_F(ModelCheck, RefusesHeadCountsOfAnotherShapeThanTheTensors) {
  EXPECT_ERROR(load([](auto& m) {
                 m.metadata["llama.attention.head_count"] = uint32_t{8};
                 m.metadata["llama.rope.dimension_count"] = uint32_t{8};
                 m.metadata["llama.attention.head_count_kv"] = uint32_t{8};
               }),
               ErrorCode::kDataLoss, "attn_k");
}

TEST_F(ModelCheck, RefusesPerLayerArraysThatAreTooShort) {
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.attention.head_count"] = GgufArray(std::vector<uint32_t>{}); }), ErrorCode::kDataLoss,
               "one for each");
}

TEST_F(ModelCheck, RefusesRopeDimensionsThatGgmlAbortsOn) {
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.rope.dimension_count"] = uint32_t{15}; }), ErrorCode::kDataLoss, "odd");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.rope.dimension_count"] = uint32_t{1024}; }), ErrorCode::kDataLoss,
               "rope.dimension_count");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.rope.scaling.type"] = std::string("wild"); }), ErrorCode::kDataLoss, "'wild'");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.rope.freq_base"] = -1.0f; }), ErrorCode::kDataLoss, "freq_base");
}

TEST_F(ModelCheck, RefusesExpertCountsThatContradict) {
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.expert_count"] = uint32_t{4}; }), ErrorCode::kDataLoss, "expert_used_count");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.expert_used_count"] = uint32_t{2}; }), ErrorCode::kDataLoss, "expert_used_count");
  EXPECT_ERROR(load([](auto& m) { m.metadata["llama.expert_count"] = uint32_t{100000}; }), ErrorCode::kDataLoss, "expert_count");
}

TEST_F(ModelCheck, RefusesVocabulariesThatLlamaAbortsOn) {
  EXPECT_ERROR(load([](auto& m) { m.metadata.erase("tokenizer.ggml.model"); }), ErrorCode::kDataLoss, "tokenizer.ggml.model");
  EXPECT_ERROR(load([](auto& m) { m.metadata.erase("tokenizer.ggml.tokens"); }), ErrorCode::kDataLoss, "tokenizer.ggml.tokens");
  EXPECT_ERROR(load([](auto& m) {
                 auto tokens = std::get<std::vector<std::string>>(std::get<GgufArray>(m.metadata["tokenizer.ggml.tokens"]));
                 tokens[5] = tokens[4];
                 m.metadata["tokenizer.ggml.tokens"] = GgufArray(tokens);
               }),
               ErrorCode::kDataLoss, "twice");
  EXPECT_ERROR(load([](auto& m) { m.metadata["tokenizer.ggml.eos_token_id"] = uint32_t{99999}; }), ErrorCode::kDataLoss, "eos_token_id");
}

TEST_F(ModelCheck, RefusesAnEmbeddingWithFewerRowsThanTokens) {
  EXPECT_ERROR(load([](auto& m) {
                 auto& embedding = m.tensors["token_embd.weight"];
                 embedding.ne[1] = 10;
                 embedding.values.resize(10 * test::TinyModel::kEmbd);
               }),
               ErrorCode::kDataLoss, "token_embd.weight");
}

TEST_F(ModelCheck, ModelWithoutATokenizerIsUnimplemented) {
  EXPECT_ERROR(load([](auto& m) {
                 m.metadata["tokenizer.ggml.model"] = std::string("none");
                 m.metadata["llama.vocab_size"] = static_cast<uint32_t>(m.n_vocab);
               }),
               ErrorCode::kUnimplemented, "tokenizer");
}

}  // namespace
}  // namespace aicoder
