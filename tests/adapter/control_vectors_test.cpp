// On a llama of three layers made in the test; the oracle is the residual stream itself, and llama.cpp called without us.
#include <gtest/gtest.h>
#include <llama.h>

#include <cmath>
#include <limits>

#include "adapter/lora_file.h"
#include "aicoder/adapter.h"
#include "support/error_matcher.h"
#include "support/plain_context.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using test::LoraFile;
using test::TinyModel;

constexpr size_t kEmbd = TinyModel::kEmbd, kLayers = 3;
const std::vector<Token> kTokens{1, 259, 263, 270, 265};

std::vector<float> direction(float size) {
  std::vector<float> values(kEmbd);
  for (size_t i = 0; i < kEmbd; ++i) values[i] = size * std::sin(static_cast<float>(i));
  return values;
}

class ControlVectors : public testing::Test {
 protected:
  ControlVectors() : model_(Model::load(TinyModel(kLayers).write(dir_ / "base.gguf"))) {}

  static LoraFile steering(const std::string& layer = "1", const std::vector<float>& values = direction(0.5f)) {
    LoraFile file;
    file.metadata["aicoder.cvec." + layer] = GgufArray(values);
    return file;
  }
  std::shared_ptr<const Adapter> load(const LoraFile& file, const std::string& name = "steer.gguf") {
    return Adapter::load(model_, file.write(dir_ / name));
  }
  std::vector<float> logits(std::vector<ActiveAdapter> adapters) {
    Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
    set_adapters(context, adapters);
    return context.logits(kTokens);
  }
  /// The residual stream after each layer, [kLayers][tokens * kEmbd].
  std::vector<std::vector<float>> residual(std::vector<ActiveAdapter> adapters) {
    Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
    set_adapters(context, adapters);
    std::vector<std::vector<float>> rows(kLayers);
    context.observe_residual([&](size_t layer, std::span<const float> values, size_t n_embd) {
      EXPECT_EQ(n_embd, kEmbd);
      rows.at(layer).insert(rows.at(layer).end(), values.begin(), values.end());
    });
    context.logits(kTokens);
    return rows;
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
};

TEST_F(ControlVectors, AreAddedAfterTheirLayerTimesTheStrength) {
  const auto base = residual({}), steered = residual({{load(steering()), -2.0f}});
  ASSERT_EQ(base[1].size(), kTokens.size() * kEmbd);
  EXPECT_EQ(steered[0], base[0]) << "what comes before stays bit by bit";
  const auto values = direction(0.5f);
  for (size_t i = 0; i < base[1].size(); ++i) ASSERT_NEAR(steered[1][i], base[1][i] - 2.0f * values[i % kEmbd], 1e-5);
  EXPECT_NE(steered[2], base[2]);
}

TEST_F(ControlVectors, GiveTheLogitsOfLlamaCppAlone) {
  const auto ours = logits({{load(steering()), 1.5f}});
  const llama_context_params params = test::plain_context_params(64);
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(
      llama_init_from_model(static_cast<llama_model*>(model_->native_handle()), params), llama_free);
  std::vector<float> data(2 * kEmbd);
  const auto values = direction(0.75f);
  std::copy(values.begin(), values.end(), data.begin());  // the first row is that of layer 1
  ASSERT_EQ(llama_set_adapter_cvec(context.get(), data.data(), data.size(), kEmbd, 1, 2), 0);
  std::vector<Token> tokens = kTokens;
  ASSERT_EQ(llama_decode(context.get(), llama_batch_get_one(tokens.data(), static_cast<int32_t>(tokens.size()))), 0);
  const float* last = llama_get_logits_ith(context.get(), -1);
  for (size_t i = 0; i < model_->n_vocab(); ++i) {
    ASSERT_NEAR(ours[(kTokens.size() - 1) * model_->n_vocab() + i], last[i], 1e-3);
  }
}

TEST_F(ControlVectors, StrengthZeroAndDetachingGiveTheBaseBitByBit) {
  const auto base = logits({});
  const auto adapter = load(steering());
  EXPECT_EQ(logits({{adapter, 0.0f}}), base);
  Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
  EXPECT_EQ(context.logits(kTokens), base);
  set_adapters(context, std::vector<ActiveAdapter>{{adapter, 1.0f}});
  EXPECT_NE(context.logits(kTokens), base);
  set_adapters(context, {});
  EXPECT_EQ(context.logits(kTokens), base);
}

TEST_F(ControlVectors, OfSeveralFragmentsAddUpBesideALora) {
  LoraFile with_lora = steering("2", direction(-0.25f));
  with_lora.add_all(model_->file(), 4, 1, 0.1f);
  LoraFile lora;
  lora.add_all(model_->file(), 4, 1, 0.1f);
  const auto both = residual({{load(steering(), "a.gguf"), 1.0f}, {load(with_lora, "b.gguf"), 0.5f}});
  const auto parts = residual({{load(steering(), "c.gguf"), 1.0f}, {load(lora, "d.gguf"), 0.5f}});
  EXPECT_EQ(both[1], parts[1]);
  const auto values = direction(-0.25f);
  for (size_t i = 0; i < both[2].size(); ++i) ASSERT_NEAR(both[2][i], parts[2][i] + 0.5f * values[i % kEmbd], 1e-5);
}

TEST_F(ControlVectors, AnotherStrengthForgetsWhatWasRead) {
  const auto adapter = load(steering());
  Context context(model_, {.n_ctx_seq = 64, .n_threads = 1});
  const GenerateRequest request{.prompt = kTokens, .max_tokens = 1};
  set_adapters(context, std::vector<ActiveAdapter>{{adapter, 0.5f}});
  context.generate(request);
  EXPECT_GT(context.generate(request).reused_tokens, 0u);
  set_adapters(context, std::vector<ActiveAdapter>{{adapter, 1.0f}});
  EXPECT_EQ(context.generate(request).reused_tokens, 0u);
}

TEST_F(ControlVectors, BrokenOnesAreRefused) {
  EXPECT_ERROR(load(steering("0")), ErrorCode::kDataLoss, "expected the number of a layer from 1 on");
  EXPECT_ERROR(load(steering("one")), ErrorCode::kDataLoss, "expected the number of a layer");
  EXPECT_ERROR(load(steering("01")), ErrorCode::kDataLoss, "expected the number of a layer");
  EXPECT_ERROR(load(steering("3")), ErrorCode::kFailedPrecondition, "does not fit the base's 3 layers of 64");
  EXPECT_ERROR(load(steering("1", {1, 2, 3})), ErrorCode::kFailedPrecondition, "control vector of 3 values after layer 1");
  EXPECT_ERROR(load(steering("1", {})), ErrorCode::kDataLoss, "expected an array of F32 values");
  auto values = direction(1);
  values[5] = std::numeric_limits<float>::infinity();
  EXPECT_ERROR(load(steering("1", values)), ErrorCode::kDataLoss, "expected finite values");
  LoraFile uneven = steering();
  uneven.metadata["aicoder.cvec.2"] = GgufArray(std::vector<float>{1});
  EXPECT_ERROR(load(uneven), ErrorCode::kDataLoss, "expected 64 values as in the others, found 1");
  LoraFile text = steering();
  text.metadata["aicoder.cvec.2"] = std::string("no numbers");
  EXPECT_ERROR(load(text), ErrorCode::kDataLoss, "expected an array of F32 values");
  EXPECT_ERROR(load(LoraFile()), ErrorCode::kDataLoss, "no tensors and no control vectors");
}

}  // namespace
}  // namespace aicoder
