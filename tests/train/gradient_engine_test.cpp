#include "train/gradient_engine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/test_model.h"
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

INSTANTIATE_TEST_SUITE_P(Families, GradientOf,
                         ::testing::Values(Case{"llama", {.family = "llama", .rope_factors = true}}, Case{"qwen2", {.family = "qwen2", .tied = true}},
                                           Case{"qwen3", {.family = "qwen3", .head_dim = 32}}),
                         [](const auto& chosen) { return chosen.param.name; });

}  // namespace
}  // namespace aicoder::test
