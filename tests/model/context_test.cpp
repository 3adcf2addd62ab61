#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "model/smollm.h"
#include "model/tiny_model.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::small_context;
using test::smollm;

TEST(Context, RefusesSizesOutOfRange) {
  const auto make = [](ContextOptions options) { Context context(smollm(), options); };
  EXPECT_ERROR(make({.n_ctx_seq = 0}), ErrorCode::kInvalidArgument, "n_ctx_seq");
  EXPECT_ERROR(make({.n_ctx_seq = 8193}), ErrorCode::kInvalidArgument, "8192");
  EXPECT_ERROR(make({.n_seq_max = 0}), ErrorCode::kInvalidArgument, "n_seq_max");
  EXPECT_ERROR(make({.n_seq_max = 100000}), ErrorCode::kInvalidArgument, "n_seq_max");
  EXPECT_ERROR(make({.n_batch = 0}), ErrorCode::kInvalidArgument, "n_batch");
  EXPECT_ERROR(make({.n_threads = -1}), ErrorCode::kInvalidArgument, "n_threads");
  EXPECT_ERROR(Context(nullptr, {}), ErrorCode::kInvalidArgument, "no model");
}

TEST(Context, MoreMemoryThanThereIsIsRefusedBeforeItIsTaken) {
  test::TempDir dir;
  test::TinyModel tiny;
  tiny.metadata["llama.context_length"] = uint32_t{1} << 23;  // 255 sequences of it: 255 GiB of keys and values
  const auto model = Model::load(tiny.write(dir / "tiny.gguf"));
  EXPECT_ERROR(Context(model, {.n_ctx_seq = (size_t{1} << 23) - 256, .n_seq_max = 255}), ErrorCode::kResourceExhausted, "MiB");
}

TEST(Context, MemoryCoversAtLeastTheKvCache) {
  const Context context(smollm(), small_context(2));
  const size_t kv_bytes = size_t{2} * 512 * 30 * 2 * 192 * 2;  // sequences, tokens, layers, K and V, 3 heads of 64, F16
  EXPECT_GE(context.memory_bytes(), kv_bytes);
  EXPECT_LT(context.memory_bytes(), kv_bytes * 20);
}

TEST(Context, LogitsOfAPrefixDoNotDependOnWhatFollows) {
  Context context(smollm(), small_context());
  const auto tokens = smollm()->tokenize("The quick brown fox jumps over the lazy dog");
  const size_t n_vocab = smollm()->n_vocab();
  const auto all = context.logits(tokens);
  ASSERT_EQ(all.size(), tokens.size() * n_vocab);
  const auto some = context.logits(std::span(tokens).first(4));
  // Batches of other sizes take other kernels: equal to rounding, not to the bit.
  for (size_t i = 0; i < some.size(); ++i) ASSERT_NEAR(some[i], all[i], 0.35f) << i;
}

TEST(Context, LogLikelihoodIsTheSumOverLogSoftmax) {
  Context context(smollm(), small_context());
  const auto tokens = smollm()->tokenize("Paris is the capital of France, and Rome is the capital of Italy.");
  const auto logits = context.logits(tokens);
  const size_t n_vocab = smollm()->n_vocab();
  long double expected = 0;
  for (size_t i = 3; i < tokens.size(); ++i) {
    const float* row = logits.data() + (i - 1) * n_vocab;
    long double sum = 0;
    for (size_t v = 0; v < n_vocab; ++v) sum += std::exp(static_cast<long double>(row[v]));
    expected += std::log(sum) - static_cast<long double>(row[tokens[i]]);
  }
  const auto result = context.log_likelihood(tokens, 3);
  EXPECT_EQ(result.tokens, tokens.size() - 3);
  EXPECT_NEAR(result.nll, static_cast<double>(expected), 0.02 * static_cast<double>(expected));
}

TEST(Context, LogLikelihoodOfALongTextEqualsItsLogits) {
  // Longer than one chunk of outputs, so the pieces must join.
  Context context(smollm(), small_context());
  std::string text;
  for (int i = 0; i < 60; ++i) text += "Line " + std::to_string(i) + " of many. ";
  auto tokens = smollm()->tokenize(text);
  tokens.resize(300);
  const auto whole = context.log_likelihood(tokens);
  EXPECT_EQ(whole.tokens, 299u);
  const auto tail = context.log_likelihood(tokens, 200);
  EXPECT_EQ(tail.tokens, 100u);
  const auto logits = context.logits(tokens);
  double expected = 0;
  for (size_t i = 200; i < 300; ++i) {
    const float* row = logits.data() + (i - 1) * smollm()->n_vocab();
    double sum = 0;
    for (size_t v = 0; v < smollm()->n_vocab(); ++v) sum += std::exp(static_cast<double>(row[v]));
    expected += std::log(sum) - static_cast<double>(row[tokens[i]]);
  }
  EXPECT_NEAR(tail.nll, expected, 0.02 * expected);
}

TEST(Context, RefusesTokensThatDoNotFitOrDoNotExist) {
  Context context(smollm(), {.n_ctx_seq = 16, .n_threads = 1});
  const std::vector<Token> long_text(17, 5);
  try {
    context.log_likelihood(long_text);
    FAIL() << "17 tokens in a context of 16";
  } catch (const ContextOverflow& overflow) {
    EXPECT_EQ(overflow.n_tokens(), 17u);
    EXPECT_EQ(overflow.n_ctx(), 16u);
    EXPECT_EQ(overflow.code(), ErrorCode::kResourceExhausted);
  }
  EXPECT_ERROR(context.logits(long_text), ErrorCode::kResourceExhausted, "17 tokens");
  EXPECT_ERROR(context.logits(std::vector<Token>{}), ErrorCode::kInvalidArgument, "no tokens");
  EXPECT_ERROR(context.logits(std::vector<Token>{1, -7}), ErrorCode::kInvalidArgument, "-7");
  EXPECT_ERROR(context.log_likelihood(std::vector<Token>{1, 49152}), ErrorCode::kInvalidArgument, "49152");
  EXPECT_ERROR(context.log_likelihood(std::vector<Token>{1, 2}, 0), ErrorCode::kInvalidArgument, "first_predicted");
  EXPECT_NO_THROW(context.logits(std::vector<Token>(16, 5)));
}

TEST(Context, LogLikelihoodCanBeStopped) {
  Context context(smollm(), small_context());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_ERROR(context.log_likelihood(std::vector<Token>(100, 5), 1, stop.get_token()), ErrorCode::kCancelled, "stopped");
}

// ---- activations -----------------------------------------------------------------------------------------------------

TEST(ObserveActivations, SeesTheInputOfEveryLinearLayerOnce) {
  Context context(smollm(), small_context());
  std::map<std::string, size_t> rows_of;
  context.observe_activations([&](std::string_view weight, std::span<const float> rows, size_t n_in) {
    const GgufTensor* tensor = smollm()->file().find(weight);
    ASSERT_NE(tensor, nullptr) << weight;
    EXPECT_EQ(tensor->ne[0], n_in);
    EXPECT_EQ(rows.size() % n_in, 0u);
    rows_of[std::string(weight)] += rows.size() / n_in;
    for (float value : rows) ASSERT_TRUE(std::isfinite(value));
  });
  context.logits(smollm()->tokenize("one two three four five six"));
  const std::vector<std::string> kinds{"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
  EXPECT_EQ(rows_of.size(), 30 * kinds.size());
  for (const auto& kind : kinds) {
    for (int layer = 0; layer < 30; ++layer) EXPECT_EQ(rows_of["blk." + std::to_string(layer) + "." + kind + ".weight"], 6u);
  }
}

// The first layer's input is the embedding row after RMS norm with its weight: computed here from the file.
TEST(ObserveActivations, FirstLayerInputEqualsNormalizedEmbedding) {
  test::TempDir dir;
  test::TinyModel tiny;
  const auto model = Model::load(tiny.write(dir / "tiny.gguf"));
  Context context(model, {.n_ctx_seq = 64, .n_threads = 1});
  std::vector<float> seen;
  context.observe_activations([&](std::string_view weight, std::span<const float> rows, size_t) {
    if (weight == "blk.0.attn_q.weight") seen.assign(rows.begin(), rows.end());
  });
  const std::vector<Token> tokens{1, 262, 270};
  context.logits(tokens);
  const size_t n = test::TinyModel::kEmbd;
  ASSERT_EQ(seen.size(), tokens.size() * n);
  const auto& embedding = tiny.tensors["token_embd.weight"].values;
  const auto& norm = tiny.tensors["blk.0.attn_norm.weight"].values;
  for (size_t t = 0; t < tokens.size(); ++t) {
    const float* row = embedding.data() + static_cast<size_t>(tokens[t]) * n;
    double square = 0;
    for (size_t i = 0; i < n; ++i) square += static_cast<double>(row[i]) * row[i];
    const double scale = 1 / std::sqrt(square / static_cast<double>(n) + 1e-5);
    for (size_t i = 0; i < n; ++i) ASSERT_NEAR(seen[t * n + i], row[i] * scale * norm[i], 1e-4);
  }
}

TEST(ObserveActivations, OffAgainLeavesLogitsBitEqual) {
  Context context(smollm(), small_context());
  const auto tokens = smollm()->tokenize("The same text");
  const auto before = context.logits(tokens);
  size_t calls = 0;
  context.observe_activations([&](std::string_view, std::span<const float>, size_t) { ++calls; });
  const auto during = context.logits(tokens);
  EXPECT_GT(calls, 0u);
  calls = 0;
  context.observe_activations({});
  const auto after = context.logits(tokens);
  EXPECT_EQ(calls, 0u);
  EXPECT_EQ(before, during);
  EXPECT_EQ(before, after);
}

TEST(ObserveActivations, ReadShowsWhatLogitsShowAndLeavesTheContextAsItIs) {
  Context context(smollm(), small_context());
  const auto tokens = smollm()->tokenize("The same text, read without an output layer");
  std::map<std::string, std::vector<float>> seen;
  context.observe_activations([&](std::string_view weight, std::span<const float> rows, size_t) {
    auto& all = seen[std::string(weight)];
    all.insert(all.end(), rows.begin(), rows.end());
  });
  const auto logits = context.logits(tokens);
  const auto by_logits = std::exchange(seen, {});
  context.read(tokens);
  EXPECT_EQ(seen.size(), 210u);
  EXPECT_EQ(seen, by_logits);
  EXPECT_EQ(context.logits(tokens), logits);
  context.observe_activations({});
  EXPECT_EQ(context.logits(tokens), logits);
  EXPECT_ERROR(context.read({}), ErrorCode::kInvalidArgument, "no tokens");
  EXPECT_THROW(context.read(std::vector<Token>(100000, 5)), ContextOverflow);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_ERROR(context.read(tokens, stop.get_token()), ErrorCode::kCancelled, "stopped");
  EXPECT_EQ(context.logits(tokens), logits);
}

TEST(ObserveActivations, WhatTheObserverThrowsArrivesAndTheContextGoesOn) {
  Context context(smollm(), small_context());
  context.observe_activations(
      [](std::string_view, std::span<const float>, size_t) { throw Error(ErrorCode::kUnavailable, "observer full"); });
  EXPECT_ERROR(context.logits(std::vector<Token>{1, 2, 3}), ErrorCode::kUnavailable, "observer full");
  context.observe_activations({});
  EXPECT_NO_THROW(context.logits(std::vector<Token>{1, 2, 3}));
}

}  // namespace
}  // namespace aicoder
