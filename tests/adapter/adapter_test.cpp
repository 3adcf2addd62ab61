// On a model of one layer made in the test: small enough that merging the adapter into its weights is a loop.
#include "aicoder/adapter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "adapter/lora_file.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using test::LoraFile;
using test::TinyModel;

constexpr uint64_t kEmbd = TinyModel::kEmbd, kFf = TinyModel::kFf;
const std::vector<Token> kTokens{1, 259, 263, 270, 265};

class AdapterTest : public ::testing::Test {
 protected:
  AdapterTest() : model_(Model::load(tiny_.write(dir_ / "base.gguf"))) {}

  std::vector<float> logits(const std::shared_ptr<const Model>& model, std::vector<ActiveAdapter> adapters = {}) {
    Context context(model, {.n_ctx_seq = 64, .n_threads = 1});
    set_adapters(context, adapters);
    return context.logits(kTokens);
  }
  std::shared_ptr<const Adapter> load(const LoraFile& file, const std::string& name = "lora.gguf") {
    return Adapter::load(model_, file.write(dir_ / name));
  }
  /// Expects the attached file to act as the base with `scale` * B A in its weights.
  void expect_equals_merged(const LoraFile& file, float strength, float scale) {
    TinyModel merged = tiny_;
    file.merge_into(merged, scale);
    const auto expected = logits(Model::load(merged.write(dir_ / "merged.gguf")));
    const auto attached = logits(model_, {{load(file), strength}});
    const auto base = logits(model_);
    double worst = 0, change = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(expected[i]) - attached[i]));
      change = std::max(change, std::abs(static_cast<double>(expected[i]) - base[i]));
    }
    EXPECT_GT(change, 0.01) << "the adapter should matter, or the test shows nothing";
    EXPECT_LT(worst, 2e-3 * std::max(1.0, change));
  }
  LoraFile some_lora(uint32_t seed = 1) {
    LoraFile file;
    file.add_all(model_->file(), 4, seed, 0.1f);
    return file;
  }

  TinyModel tiny_;
  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
};

TEST_F(AdapterTest, AttachedEqualsMergedIntoTheWeights) {
  expect_equals_merged(some_lora(), 1.0f, 1.0f);
  expect_equals_merged(some_lora(), -0.5f, -0.5f);
  expect_equals_merged(LoraFile().add("blk.0.ffn_down.weight", kFf, kEmbd, 7, 3, 0.2f), 2.0f, 2.0f);
}

TEST_F(AdapterTest, AlphaScalesByAlphaOverRankAndZeroAlphaDoesNot) {
  auto file = some_lora();
  file.metadata["adapter.lora.alpha"] = 8.0f;
  expect_equals_merged(file, 0.5f, 0.5f * 8 / 4);
}

TEST_F(AdapterTest, EmbeddingFactorsAreStoredByToken) {
  LoraFile file;
  file.add("token_embd.weight", tiny_.n_vocab, kEmbd, 4, 5, 0.1f);
  auto& f = file.pairs["token_embd.weight"];
  f.a_ne = {4, tiny_.n_vocab};
  f.b_ne = {4, kEmbd};
  expect_equals_merged(file, 1.0f, 1.0f);
}

TEST_F(AdapterTest, TwoAdaptersAdd) {
  const auto a = some_lora(1), b = some_lora(100);
  TinyModel merged = tiny_;
  a.merge_into(merged, 0.5f);
  b.merge_into(merged, -0.25f);
  const auto expected = logits(Model::load(merged.write(dir_ / "merged.gguf")));
  const auto both = logits(model_, {{load(a, "a.gguf"), 0.5f}, {load(b, "b.gguf"), -0.25f}});
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(both[i], expected[i], 5e-3);
}

TEST_F(AdapterTest, ZeroAdapterChangesNoLogitBit) {
  auto file = some_lora();
  for (auto& [name, f] : file.pairs) std::fill(f.b.begin(), f.b.end(), 0.0f);
  EXPECT_EQ(logits(model_, {{load(file), 1.0f}}), logits(model_));
}

TEST_F(AdapterTest, StrengthZeroChangesNoLogitBit) {
  const auto adapter = load(some_lora());
  EXPECT_NE(logits(model_, {{adapter, 1.0f}}), logits(model_));
  EXPECT_EQ(logits(model_, {{adapter, 0.0f}}), logits(model_));
}

TEST_F(AdapterTest, DetachedAgainIsTheBaseBitByBit) {
  const auto adapter = load(some_lora());
  Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
  const auto base = context.logits(kTokens);
  set_adapters(context, std::vector<ActiveAdapter>{{adapter, 1.0f}});
  const auto with = context.logits(kTokens);
  EXPECT_NE(with, base);
  set_adapters(context, {});
  EXPECT_EQ(context.logits(kTokens), base);
}

TEST_F(AdapterTest, AnotherSetForgetsTheCacheTheSameSetKeepsIt) {
  const auto adapter = load(some_lora());
  Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
  const GenerateRequest request{.prompt = kTokens, .max_tokens = 1};
  const std::vector<ActiveAdapter> weak{{adapter, 0.5f}}, strong{{adapter, 1.0f}};
  set_adapters(context, weak);
  context.generate(request);
  set_adapters(context, weak);
  EXPECT_EQ(context.generate(request).reused_tokens, kTokens.size() - 1);
  set_adapters(context, strong);
  EXPECT_EQ(context.generate(request).reused_tokens, 0u) << "the same file at another strength";
  set_adapters(context, {});
  EXPECT_EQ(context.generate(request).reused_tokens, 0u);
}

TEST_F(AdapterTest, ContextKeepsItsAdaptersAlive) {
  Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
  std::weak_ptr<const Adapter> watch;
  {
    const auto adapter = load(some_lora());
    watch = adapter;
    set_adapters(context, std::vector<ActiveAdapter>{{adapter, 1.0f}});
  }
  EXPECT_FALSE(watch.expired());
  EXPECT_NO_THROW(context.logits(kTokens));
  set_adapters(context, {});
  EXPECT_TRUE(watch.expired());
}

TEST_F(AdapterTest, SaysWhatItIs) {
  auto file = some_lora();
  EXPECT_EQ(load(file)->default_strength(), 1.0f);
  file.metadata["aicoder.strength"] = 0.25f;
  file.metadata["aicoder.base.fingerprint"] = model_->fingerprint();
  const auto adapter = load(file, "own.gguf");
  EXPECT_EQ(adapter->default_strength(), 0.25f);
  EXPECT_EQ(adapter->path(), dir_ / "own.gguf");
  uint64_t bytes = 0;
  for (const auto& [name, f] : file.pairs) bytes += (f.a.size() + f.b.size()) * sizeof(float);
  EXPECT_EQ(adapter->bytes(), bytes);
}

// ---- refusals --------------------------------------------------------------------------------------------------------

TEST_F(AdapterTest, RefusesFilesThatAreNoAdapter) {
  EXPECT_ERROR(Adapter::load(model_, dir_ / "absent.gguf"), ErrorCode::kNotFound, "absent.gguf");
  EXPECT_ERROR(Adapter::load(model_, dir_ / "base.gguf"), ErrorCode::kInvalidArgument, "'adapter'");
  auto file = some_lora();
  file.metadata["adapter.type"] = std::string("control_vector");
  EXPECT_ERROR(load(file), ErrorCode::kInvalidArgument, "control_vector");
  std::ofstream(dir_ / "garbage.gguf") << "not a gguf at all, but long enough to hold a header";
  EXPECT_ERROR(Adapter::load(model_, dir_ / "garbage.gguf"), ErrorCode::kDataLoss, "garbage.gguf");
}

TEST_F(AdapterTest, RefusesATruncatedFile) {
  const auto bytes = read_file(some_lora().write(dir_ / "whole.gguf"));
  for (size_t share = 1; share < 10; ++share) {
    std::ofstream(dir_ / "cut.gguf", std::ios::binary) << bytes.substr(0, bytes.size() * share / 10);
    EXPECT_ERROR(Adapter::load(model_, dir_ / "cut.gguf"), ErrorCode::kDataLoss, "cut.gguf");
  }
}

TEST_F(AdapterTest, AnotherBaseIsNamedWithItsOwn) {
  auto file = some_lora();
  file.metadata["aicoder.base.fingerprint"] = std::string(64, 'a');
  file.metadata["aicoder.base.name"] = std::string("big-model");
  EXPECT_ERROR(load(file), ErrorCode::kFailedPrecondition, "big-model");
  EXPECT_ERROR(load(file), ErrorCode::kFailedPrecondition, model_->fingerprint());
  EXPECT_ERROR(load(file), ErrorCode::kFailedPrecondition, std::string(64, 'a'));
  file = some_lora();
  file.metadata["general.architecture"] = std::string("qwen2");
  EXPECT_ERROR(load(file), ErrorCode::kFailedPrecondition, "qwen2");
}

TEST_F(AdapterTest, TensorsOrShapesOfAnotherBaseAreRefused) {
  EXPECT_ERROR(load(LoraFile().add("blk.7.attn_q.weight", kEmbd, kEmbd, 4, 1, 0.1f)), ErrorCode::kFailedPrecondition,
               "blk.7.attn_q.weight");
  EXPECT_ERROR(load(LoraFile().add("blk.0.attn_q.weight", kEmbd + 32, kEmbd, 4, 1, 0.1f)), ErrorCode::kFailedPrecondition, "do not fit");
  EXPECT_ERROR(load(LoraFile().add("blk.0.attn_q.weight", kEmbd, kEmbd / 2, 4, 1, 0.1f)), ErrorCode::kFailedPrecondition, "do not fit");
}

TEST_F(AdapterTest, RefusesIncompleteOrContradictingPairs) {
  auto file = some_lora();
  file.pairs["blk.0.attn_q.weight"].b.clear();
  EXPECT_ERROR(load(file), ErrorCode::kDataLoss, "lora_b");
  file = some_lora();
  file.pairs["blk.0.attn_q.weight"].a.clear();
  EXPECT_ERROR(load(file), ErrorCode::kDataLoss, "lora_a");
  file = some_lora();
  auto& f = file.pairs["blk.0.attn_q.weight"];
  f.b_ne = {5, kEmbd};
  f.b.resize(5 * kEmbd);
  EXPECT_ERROR(load(file), ErrorCode::kDataLoss, "rank of blk.0.attn_q.weight.lora_a is 4");
  EXPECT_ERROR(load(LoraFile()), ErrorCode::kDataLoss, "no tensors");
}

TEST_F(AdapterTest, RefusesTensorsThatAreNoFactors) {
  const auto path = dir_ / "extra.gguf";
  GgufWriter writer;
  for (const auto& [key, value] : some_lora().metadata) writer.set(key, value);
  writer.add_f32("blk.0.attn_q.weight", {4}, {1, 2, 3, 4});
  writer.write(path);
  EXPECT_ERROR(Adapter::load(model_, path), ErrorCode::kDataLoss, "neither .lora_a nor .lora_b");
}

TEST_F(AdapterTest, RefusesNumbersThatAreNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto file = some_lora();
  file.pairs["blk.0.ffn_up.weight"].b[3] = nan;
  EXPECT_ERROR(load(file), ErrorCode::kDataLoss, "blk.0.ffn_up.weight.lora_b");
  file = some_lora();
  file.metadata["adapter.lora.alpha"] = std::numeric_limits<float>::infinity();
  EXPECT_ERROR(load(file), ErrorCode::kDataLoss, "alpha");
  file.metadata["adapter.lora.alpha"] = uint32_t{16};  // llama.cpp would abort on it
  EXPECT_ERROR(load(file), ErrorCode::kDataLoss, "alpha");
  file = some_lora();
  file.metadata["aicoder.strength"] = nan;
  EXPECT_ERROR(load(file), ErrorCode::kDataLoss, "aicoder.strength");
}

TEST_F(AdapterTest, RefusesStrengthsAndSetsThatMakeNoSense) {
  const auto adapter = load(some_lora());
  Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
  const auto set = [&](std::vector<ActiveAdapter> adapters) { set_adapters(context, adapters); };
  EXPECT_ERROR(set({{adapter, std::numeric_limits<float>::quiet_NaN()}}), ErrorCode::kInvalidArgument, "not finite");
  EXPECT_ERROR(set({{adapter, std::numeric_limits<float>::infinity()}}), ErrorCode::kInvalidArgument, "not finite");
  EXPECT_ERROR(set({{adapter, 1.0f}, {adapter, 0.5f}}), ErrorCode::kInvalidArgument, "twice");
  EXPECT_ERROR(set({{nullptr, 1.0f}}), ErrorCode::kInvalidArgument, "no adapter");
}

}  // namespace
}  // namespace aicoder
