#include "train/gradient_engine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/error_matcher.h"
#include "support/test_model.h"
#include "train/jax_oracle.h"
#include "train/tiny_base.h"

namespace aicoder::test {
namespace {

using namespace train;

/// Random factors, B not 0, so that every gradient has something to say.
std::vector<float> random_parameters(const LoraLayout& layout, uint64_t seed = 3) {
  std::vector<float> parameters = initial_parameters(layout, seed);
  Random random(seed + 1);
  for (const LoraSite& site : layout.sites) {
    for (size_t i = 0; i < site.b_size(); ++i) parameters[site.b + i] = 0.3f * (2 * random.unit() - 1);
  }
  return parameters;
}

/// Two examples of `n` and n / 2 tokens; the first third of each is a prompt.
Batch two_examples(size_t n, size_t n_vocab, uint64_t seed = 11) {
  Random random(seed);
  std::vector<Example> examples(2);
  size_t length = n;
  for (Example& example : examples) {
    for (size_t i = 0; i < length; ++i) {
      example.tokens.push_back(static_cast<Token>(random.below(n_vocab)));
      example.trained.push_back(i > length / 3 ? 1 : 0);
    }
    length /= 2;
  }
  const std::vector<const Example*> pointers{&examples[0], &examples[1]};
  return make_batch(pointers);
}

struct Case {
  std::string name;
  TinyBase base;
};

class GradientOf : public ::testing::TestWithParam<Case> {};

// Along a random direction the loss must change as the gradient says; central differences of a sum over tokens, in F32.
TEST_P(GradientOf, TinyF32ModelAgreesWithFiniteDifferences) {
  const TempDir dir;
  const GgufFile file = GgufFile::open(GetParam().base.write(dir / "base.gguf"));
  const LoraLayout layout = make_lora_layout(read_architecture(file), 4, 8);
  GradientEngine engine(file, layout, {.n_ctx = 64, .n_threads = 1});
  const Batch batch = two_examples(24, static_cast<size_t>(engine.architecture().n_vocab));
  const std::vector<float> parameters = random_parameters(layout);
  engine.set_parameters(parameters);
  std::vector<float> gradient(layout.n_parameters);
  const double loss = engine.loss_and_gradient(batch, gradient);
  EXPECT_NEAR(loss, engine.loss(batch), 1e-9 * loss);
  EXPECT_GT(loss / static_cast<double>(batch.n_trained), 1.0);
  // One direction a factor of a site, so that no small gradient hides behind a large one.
  for (size_t s = 0; s < layout.sites.size(); ++s) {
    for (const bool of_b : {false, true}) {
      const LoraSite& site = layout.sites[s];
      const size_t first = of_b ? site.b : site.a, n = of_b ? site.b_size() : site.a_size();
      double norm = 0;
      for (size_t i = 0; i < n; ++i) norm += std::pow(static_cast<double>(gradient[first + i]), 2);
      norm = std::sqrt(norm);
      ASSERT_GT(norm, 1e-3) << site.weight;
      // Along the gradient itself the slope is its norm.
      double losses[2];
      const double step = 2e-2 / std::max(norm, 1.0);
      for (const int side : {0, 1}) {
        std::vector<float> moved = parameters;
        for (size_t i = 0; i < n; ++i) {
          moved[first + i] += static_cast<float>((side == 0 ? -step : step) * static_cast<double>(gradient[first + i]) / norm);
        }
        engine.set_parameters(moved);
        losses[side] = engine.loss(batch);
      }
      EXPECT_NEAR((losses[1] - losses[0]) / (2 * step), norm, 0.02 * norm) << site.weight << (of_b ? " B" : " A");
    }
  }
}

/// ||x - y|| / ||y|| and the cosine of the two, over part of a gradient.
struct Agreement {
  double relative, cosine;
};
Agreement agreement(std::span<const float> x, std::span<const double> y) {
  double xx = 0, yy = 0, xy = 0, dd = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<double>(x[i]);
    xx += v * v;
    yy += y[i] * y[i];
    xy += v * y[i];
    dd += (v - y[i]) * (v - y[i]);
  }
  return {std::sqrt(dd / yy), xy / std::sqrt(xx * yy)};
}

struct Compared {
  double loss = 0, jax_loss = 0;
  double worst_relative = 0, worst_cosine = 1;
  std::string worst_site;
};
/// Ours against JAX on the dequantized weights, the worst trained tensor of each way to compute.
std::vector<Compared> compare_with_jax(const TinyBase& base, const std::vector<Recompute>& ways, size_t n = 24) {
  const TempDir dir;
  const auto path = base.write(dir / "base.gguf");
  const GgufFile file = GgufFile::open(path);
  const LoraLayout layout = make_lora_layout(read_architecture(file), 4, 8);
  const std::vector<float> parameters = random_parameters(layout);
  const Batch batch = two_examples(n, static_cast<size_t>(read_architecture(file).n_vocab));
  run_jax("gradient", path, dir.path(), layout, parameters, batch);
  const auto expected = read_raw<double>(dir / "gradient");
  EXPECT_EQ(expected.size(), layout.n_parameters);
  std::vector<Compared> results;
  for (const Recompute recompute : ways) {
    GradientEngine engine(file, layout, {.n_ctx = 96, .n_threads = 1, .recompute = recompute});
    engine.set_parameters(parameters);
    std::vector<float> gradient(layout.n_parameters);
    Compared result{.loss = engine.loss_and_gradient(batch, gradient), .jax_loss = read_raw<double>(dir / "loss").at(0)};
    for (const LoraSite& site : layout.sites) {
      for (const auto& [first, size] : {std::pair(site.a, site.a_size()), std::pair(site.b, site.b_size())}) {
        const Agreement a = agreement(std::span(gradient).subspan(first, size), std::span(expected).subspan(first, size));
        if (!(a.relative <= result.worst_relative)) result.worst_site = site.weight;  // NaN too
        if (!(a.relative <= result.worst_relative)) result.worst_relative = a.relative;
        if (!(a.cosine >= result.worst_cosine)) result.worst_cosine = a.cosine;
      }
    }
    results.push_back(result);
  }
  return results;
}

TEST_P(GradientOf, TinyF32ModelAgreesWithJax) {
  for (const Compared& c : compare_with_jax(GetParam().base, {Recompute::kCheap, Recompute::kFull})) {
    EXPECT_NEAR(c.loss, c.jax_loss, 1e-5 * c.jax_loss);
    EXPECT_LT(c.worst_relative, 1e-3) << c.worst_site;
    RecordProperty("worst_relative", std::to_string(c.worst_relative * 1e6) + "e-6");
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GradientOf,
                         ::testing::Values(Case{"llama", {.family = "llama", .rope_factors = true}},
                                           Case{"qwen2", {.family = "qwen2", .tied = true}},
                                           Case{"qwen3", {.family = "qwen3", .head_dim = 32}}),
                         [](const auto& chosen) { return chosen.param.name; });

TEST(GradientEngineTest, PackedExamplesDoNotSeeEachOther) {
  const TempDir dir;
  const GgufFile file = GgufFile::open(TinyBase{.family = "qwen3"}.write(dir / "base.gguf"));
  const LoraLayout layout = make_lora_layout(read_architecture(file), 4, 8);
  GradientEngine engine(file, layout, {.n_ctx = 64, .n_threads = 1});
  engine.set_parameters(random_parameters(layout));
  Random random(2);
  std::vector<Example> examples(3);
  for (Example& example : examples) {
    for (int i = 0; i < 15; ++i) example.tokens.push_back(static_cast<Token>(random.below(280)));
    example.trained.assign(15, 1);
  }
  std::vector<float> together(layout.n_parameters), apart(layout.n_parameters);
  const std::vector<const Example*> all{&examples[0], &examples[1], &examples[2]};
  const double loss = engine.loss_and_gradient(make_batch(all), together);
  double sum = 0;
  for (const Example* example : all) sum += engine.loss_and_gradient(make_batch(std::span(&example, 1)), apart);
  EXPECT_NEAR(loss, sum, 1e-5 * sum);
  double difference = 0, norm = 0;
  for (size_t i = 0; i < together.size(); ++i) {
    difference += std::pow(static_cast<double>(together[i] - apart[i]), 2);
    norm += std::pow(static_cast<double>(apart[i]), 2);
  }
  EXPECT_LT(std::sqrt(difference / norm), 1e-5);
}

TEST(GradientEngineTest, PromptTokensHaveNoLoss) {
  const TempDir dir;
  const GgufFile file = GgufFile::open(TinyBase{}.write(dir / "base.gguf"));
  const LoraLayout layout = make_lora_layout(read_architecture(file), 4, 8);
  GradientEngine engine(file, layout, {.n_ctx = 32, .n_threads = 1});
  engine.set_parameters(random_parameters(layout));
  Example all{.tokens = {5, 9, 17, 33, 65}, .trained = {1, 1, 1, 1, 1}}, last = all, first = all;
  last.trained = {0, 0, 0, 1, 1};
  first.trained = {0, 1, 1, 0, 0};
  const auto loss = [&](const Example& example) {
    const Example* pointer = &example;
    return engine.loss(make_batch(std::span(&pointer, 1)));
  };
  EXPECT_NEAR(loss(first) + loss(last), loss(all), 1e-5 * loss(all));
}

TEST(GradientEngineTest, WhatDoesNotFitIsRefused) {
  const TempDir dir;
  const GgufFile file = GgufFile::open(TinyBase{}.write(dir / "base.gguf"));
  const LoraLayout layout = make_lora_layout(read_architecture(file), 4, 8);
  GradientEngine engine(file, layout, {.n_ctx = 32, .n_threads = 1});
  engine.set_parameters(random_parameters(layout));
  Example example{.tokens = std::vector<Token>(40, 1), .trained = std::vector<uint8_t>(40, 1)};
  const Example* pointer = &example;
  EXPECT_ERROR(engine.loss(make_batch(std::span(&pointer, 1))), ErrorCode::kInvalidArgument, "64 columns");
  example = {.tokens = {1, 100000}, .trained = {1, 1}};
  EXPECT_ERROR(engine.loss(make_batch(std::span(&pointer, 1))), ErrorCode::kInvalidArgument, "outside the vocabulary");
  EXPECT_ERROR(engine.set_parameters(std::vector<float>(3)), ErrorCode::kInvalidArgument, "another layout");
  std::vector<float> gradient(3);
  example = {.tokens = {1, 2}, .trained = {1, 1}};
  EXPECT_ERROR(engine.loss_and_gradient(make_batch(std::span(&pointer, 1)), gradient), ErrorCode::kInvalidArgument, "another layout");
  std::stop_source source;
  source.request_stop();
  EXPECT_ERROR(engine.loss(make_batch(std::span(&pointer, 1)), source.get_token()), ErrorCode::kCancelled, "");
  EXPECT_ERROR(make_lora_layout(read_architecture(file), 0, 8), ErrorCode::kInvalidArgument, "rank");
  EXPECT_ERROR(make_lora_layout(read_architecture(file), 4, std::nanf("")), ErrorCode::kInvalidArgument, "alpha");
  EXPECT_ERROR(
      GradientEngine(file, make_lora_layout(read_architecture(GgufFile::open(TinyBase{.n_layer = 3}.write(dir / "three.gguf"))), 4, 8),
                     {.n_ctx = 32, .n_threads = 1}),
      ErrorCode::kInvalidArgument, "another base");
}

class QuantizedGradient : public ::testing::TestWithParam<ggml_type> {};

// Activations and gradients are rounded to 8 bits by the kernels, W^T to Q8_0: the direction must hold, not every digit.
TEST_P(QuantizedGradient, HasTheDirectionThatJaxFindsOnTheDequantizedWeights) {
  const Compared c =
      compare_with_jax(
          {.family = "qwen2", .n_embd = 256, .n_layer = 2, .n_head = 4, .n_head_kv = 2, .head_dim = 64, .n_ff = 512, .type = GetParam()},
          {Recompute::kCheap}, 48)
          .front();
  EXPECT_NEAR(c.loss, c.jax_loss, 0.01 * c.jax_loss);
  EXPECT_GT(c.worst_cosine, 0.99) << c.worst_site;
  RecordProperty("worst_cosine", std::to_string(c.worst_cosine));
  RecordProperty("worst_relative", std::to_string(c.worst_relative));
}

INSTANTIATE_TEST_SUITE_P(Types, QuantizedGradient,
                         ::testing::Values(GGML_TYPE_Q4_K, GGML_TYPE_Q8_0, GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_F16),
                         [](const auto& chosen) { return std::string(ggml_type_name(chosen.param)); });

}  // namespace
}  // namespace aicoder::test
