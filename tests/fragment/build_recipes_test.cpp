// Recipes other than masks, from statistics to file: on a tiny llama made here where that is enough, and on SmolLM2.
#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "aicoder/fragment.h"
#include "fragment/linear_layers.h"
#include "fragment/oracle.h"
#include "fragment/paired_inputs.h"
#include "fragment/seeded_values.h"
#include "fragment/tiny_calibration.h"
#include "model/tiny_model.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr char kQ[] = "blk.0.attn_q.weight";

/// A base of one layer, statistics that fit it, and a donor: the same with a few weights changed.
class BuildRecipes : public testing::Test {
 protected:
  BuildRecipes() {
    model_ = Model::load(base_.write(dir_ / "base.gguf"));
    task_ = stats(1);
    general_ = stats(2);
  }
  ActivationStats stats(uint32_t seed) const {
    ActivationStats stats{.dataset_hashes = {"text" + std::to_string(seed)}, .base_fingerprint = model_->fingerprint(), .tokens = 200};
    for (const GgufTensor* tensor : fragment::linear_layers(model_->file())) {
      const auto n_in = static_cast<size_t>(tensor->ne[0]);
      LayerStats& layer = stats.layers[tensor->name];
      layer.tokens = 200;
      layer.max_abs = 3;
      layer.sum_squares.resize(n_in);
      const auto rows = test::normal_values(200 * n_in, seed), scale = test::norm_values(n_in, seed);
      InputSketch sketch{.n_in = n_in, .size = 16, .rows = {}};
      std::vector<float> x(rows.size());
      for (size_t i = 0; i < rows.size(); ++i) {
        x[i] = rows[i] * scale[i % n_in];
        layer.sum_squares[i % n_in] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      }
      sketch.append(x);
      sketch.compress();
      stats.sketches[fragment::input_name(tensor->name)] = std::move(sketch);
    }
    return stats;
  }
  GgufFile donor(const test::TinyModel& model, const std::string& name = "donor.gguf") const {
    return GgufFile::open(model.write(dir_ / name));
  }
  test::TinyModel tuned() const {
    test::TinyModel model = base_;
    uint32_t seed = 50;
    for (auto& [name, tensor] : model.tensors) {
      const auto change = test::normal_values(tensor.values.size(), seed++, 0.01f);
      for (size_t i = 0; i < change.size(); ++i) tensor.values[i] += change[i];
    }
    return model;
  }
  FragmentSpec spec(Recipe recipe, size_t rank = 4) const {
    return {.name = "tiny",
            .recipe = recipe,
            .rank = rank,
            .storage = FragmentStorage::kF32,
            .n_threads = 1,
            .task = &task_,
            .general = &general_};
  }
  void expect_refused(const FragmentSpec& bad, ErrorCode code, const char* message) const {
    EXPECT_ERROR(build_fragment(*model_, bad, dir_ / "refused.gguf"), code, message);
    EXPECT_FALSE(std::filesystem::exists(dir_ / "refused.gguf"));
  }

  test::TempDir dir_;
  test::TinyModel base_;
  std::shared_ptr<const Model> model_;
  ActivationStats task_, general_;
};

TEST_F(BuildRecipes, ChannelAndActsvdAreExactAtEveryRankAndSayNoKeep) {
  for (const Recipe recipe : {Recipe::kChannel, Recipe::kActsvd}) {
    for (const size_t rank : {1u, 8u}) {
      const FragmentBuild build = build_fragment(*model_, spec(recipe, rank), dir_ / "f.gguf");
      EXPECT_EQ(build.tensors.size(), 7u);
      EXPECT_NEAR(build.retained_energy, 1.0, 1e-12);
      const FragmentInfo info = inspect_fragment(build.path);
      EXPECT_EQ(info.recipe, to_string(recipe));
      EXPECT_EQ(info.rank, rank);
      EXPECT_EQ(info.keep, 0.0);
      EXPECT_EQ(info.general_hashes, general_.dataset_hashes);
      EXPECT_NE(Adapter::load(model_, build.path), nullptr);
    }
  }
}

TEST_F(BuildRecipes, ActsvdOfTheFileIsTheProjectionThatNumpyComputes) {
  const FragmentBuild build = build_fragment(*model_, spec(Recipe::kActsvd), dir_ / "f.gguf");
  for (const std::string name : {kQ, "blk.0.ffn_down.weight"}) {
    const auto& tensor = base_.tensors.at(name);
    test::TempDir dir;
    test::write_raw(dir / "weight", tensor.values);
    test::write_raw(dir / "task", task_.sketches.at(fragment::input_name(name)).rows);
    test::write_raw(dir / "general", general_.sketches.at(fragment::input_name(name)).rows);
    test::run_oracle({"actsvd_kept", dir.path(), std::to_string(tensor.ne[1]), std::to_string(tensor.ne[0]), build.path, name});
    EXPECT_LT(test::read_raw<double>(dir / "apart").at(0), 1e-4) << name;
  }
}

TEST_F(BuildRecipes, ActsvdNeedsSecondMomentsOfTwoTexts) {
  ActivationStats bad = task_;
  FragmentSpec with = spec(Recipe::kActsvd);
  with.task = &bad;
  bad.sketches.clear();
  expect_refused(with, ErrorCode::kInvalidArgument, "task statistics: expected second moments of blk.0.attn_in");
  bad = task_;
  bad.sketches.at("blk.0.ffn_mid").rows.pop_back();
  expect_refused(with, ErrorCode::kInvalidArgument, "expected rows of 128 inputs");
  bad = task_;
  bad.sketches.at("blk.0.ffn_mid").rows[0] = std::numeric_limits<float>::quiet_NaN();
  expect_refused(with, ErrorCode::kInvalidArgument, "expected finite values");
  expect_refused(spec(Recipe::kActsvd, 17), ErrorCode::kInvalidArgument, "expected at most 16, the size of the task sketches");
  bad = task_;
  with.general = &task_;
  expect_refused(with, ErrorCode::kFailedPrecondition, "found the same text twice");
}

TEST_F(BuildRecipes, ChannelOfATextWithItselfSelectsNothing) {
  FragmentSpec same = spec(Recipe::kChannel);
  same.general = &task_;
  expect_refused(same, ErrorCode::kFailedPrecondition, "selects no weight");
  same.general = nullptr;
  expect_refused(same, ErrorCode::kInvalidArgument, "recipe channel needs statistics of a general text");
}

TEST_F(BuildRecipes, DonorKeepsWhatTheExactSvdOfTheDifferenceWould) {
  const test::TinyModel other = tuned();
  const GgufFile file = donor(other);
  FragmentSpec from = spec(Recipe::kDonor);
  from.donor = &file;
  const FragmentBuild build = build_fragment(*model_, from, dir_ / "f.gguf");
  for (const std::string name : {kQ, "blk.0.ffn_down.weight"}) {
    const auto& tensor = base_.tensors.at(name);
    test::TempDir dir;
    test::write_raw(dir / "weight", tensor.values);
    test::write_raw(dir / "donor", other.tensors.at(name).values);
    test::write_raw(dir / "task", task_.layers.at(name).norms());
    test::run_oracle({"donor_kept", dir.path(), std::to_string(tensor.ne[1]), std::to_string(tensor.ne[0]), build.path, name});
    const auto info = std::find_if(build.tensors.begin(), build.tensors.end(), [&](const auto& t) { return t.name == name; });
    EXPECT_NEAR(info->retained_energy, test::read_raw<double>(dir / "kept").at(0), 1e-4) << name;
    EXPECT_NEAR(info->retained_energy, test::read_raw<double>(dir / "best").at(0), 1e-2) << name;
  }
  const GgufFile written = GgufFile::open(build.path);
  EXPECT_EQ(written.get_string("aicoder.donor.name"), "tiny");
  EXPECT_EQ(written.get_string("aicoder.donor.sha256"), sha256_file(file.path()));
}

TEST_F(BuildRecipes, DonorNeedsNoStatisticsAndItsEnergyGrowsWithRankToOne) {
  const GgufFile file = donor(tuned());
  double before = 0;
  for (const size_t rank : {1u, 4u, 16u, 64u}) {
    FragmentSpec from = spec(Recipe::kDonor, rank);
    from.donor = &file;
    from.task = from.general = nullptr;
    const double energy = build_fragment(*model_, from, dir_ / "f.gguf").retained_energy;
    EXPECT_GT(energy, before) << rank;
    before = energy;
  }
  EXPECT_NEAR(before, 1.0, 1e-4);
}

TEST_F(BuildRecipes, DonorAtFullRankAndStrengthOneGivesTheDonorsLogits) {
  test::TinyModel other = base_;
  for (float& v : other.tensors.at("blk.0.ffn_up.weight").values) v *= 1.5f;
  for (float& v : other.tensors.at(kQ).values) v += 0.05f;
  const GgufFile file = donor(other);
  FragmentSpec from = spec(Recipe::kDonor, 64);
  from.donor = &file;
  const auto path = build_fragment(*model_, from, dir_ / "f.gguf").path;
  const auto logits = [](const std::shared_ptr<const Model>& model, std::span<const ActiveAdapter> adapters) {
    Context context(model, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true});
    set_adapters(context, adapters);
    return context.logits(std::vector<Token>{1, 70, 80, 90});
  };
  const auto base = logits(model_, {}), expected = logits(Model::load(file.path()), {});
  const auto actual = logits(model_, std::vector<ActiveAdapter>{{Adapter::load(model_, path), 1.0f}});
  double error = 0, change = 0;
  for (size_t i = 0; i < base.size(); ++i) {
    error += std::pow(static_cast<double>(actual[i]) - static_cast<double>(expected[i]), 2);
    change += std::pow(static_cast<double>(base[i]) - static_cast<double>(expected[i]), 2);
  }
  EXPECT_GT(change, 0.0);
  EXPECT_LT(std::sqrt(error), 0.02 * std::sqrt(change));
}

TEST_F(BuildRecipes, DonorOfAnotherKindOrShapeIsRefused) {
  const FragmentSpec from = spec(Recipe::kDonor);
  expect_refused(from, ErrorCode::kInvalidArgument, "recipe donor needs another model");

  const auto refused = [&](const test::TinyModel& model, ErrorCode code, const char* message) {
    const GgufFile file = donor(model);
    FragmentSpec with_donor = from;
    with_donor.donor = &file;
    expect_refused(with_donor, code, message);
  };
  test::TinyModel other = tuned();
  other.metadata["general.architecture"] = std::string("qwen2");
  refused(other, ErrorCode::kInvalidArgument, "expected architecture llama, found qwen2");
  other = tuned();
  other.tensors.erase(kQ);
  refused(other, ErrorCode::kInvalidArgument, "expected layer blk.0.attn_q.weight, which is missing");
  other = tuned();
  other.tensors.at(kQ).ne = {32, 128};
  refused(other, ErrorCode::kInvalidArgument, "blk.0.attn_q.weight: expected 64 x 64, found 32 x 128");
  other = tuned();
  other.tensors["blk.1.attn_q.weight"] = other.tensors.at(kQ);
  refused(other, ErrorCode::kInvalidArgument, "expected 7 linear layers, found 8");
  other = tuned();
  other.tensors.at(kQ).values[3] = std::numeric_limits<float>::quiet_NaN();
  refused(other, ErrorCode::kInvalidArgument, "finite");
  refused(base_, ErrorCode::kFailedPrecondition, "the donor's layers are those of the base");
}

TEST_F(BuildRecipes, DistillMovesLayersTowardsWhatThePromptMadeOfThem) {
  PromptPairs pairs{.model = model_, .records = {{.text = "a b c d e f g h i j k l m n o p"}}, .prompt = "z y x w v u t s r q"};
  FragmentSpec from = spec(Recipe::kDistill, 8);
  from.task = from.general = nullptr;
  from.pairs = &pairs;
  const FragmentBuild build = build_fragment(*model_, from, dir_ / "f.gguf");
  EXPECT_GT(build.retained_energy, 0.5);
  EXPECT_LE(build.retained_energy, 1.0);
  const GgufFile file = GgufFile::open(build.path);
  EXPECT_EQ(file.get_string("aicoder.distill.prompt"), pairs.prompt);
  EXPECT_GT(file.get_int("aicoder.distill.tokens").value_or(0), 10);
  EXPECT_EQ(inspect_fragment(build.path).calibration_hashes.size(), 1u);

  // Logits after the text: with the fragment they must be nearer to those with the prompt than without it.
  const auto last_logits = [&](const std::string& text, std::span<const ActiveAdapter> adapters) {
    Context context(model_, {.n_ctx_seq = 256, .n_threads = 1, .deterministic = true});
    set_adapters(context, adapters);
    const auto tokens = model_->tokenize(text, {.add_special = true});
    const auto logits = context.logits(tokens);
    return std::vector<float>(logits.end() - static_cast<std::ptrdiff_t>(model_->n_vocab()), logits.end());
  };
  const auto distance = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    return std::sqrt(sum);
  };
  const std::string& text = pairs.records[0].text;
  const auto wanted = last_logits(pairs.prompt + "\n\n" + text, {}), plain = last_logits(text, {});
  const auto distilled = last_logits(text, std::vector<ActiveAdapter>{{Adapter::load(model_, build.path), 1.0f}});
  EXPECT_LT(distance(distilled, wanted), 0.7 * distance(plain, wanted));
}

TEST_F(BuildRecipes, DistillRefusesWhatItCannotLearnFrom) {
  FragmentSpec from = spec(Recipe::kDistill);
  expect_refused(from, ErrorCode::kInvalidArgument, "recipe distill needs a prompt");
  PromptPairs pairs{.model = model_, .records = {{.text = "a b c d"}}, .prompt = "z y x"};
  const PromptPairs good = pairs;
  from.pairs = &pairs;
  pairs.prompt = " \n";
  expect_refused(from, ErrorCode::kInvalidArgument, "expected a prompt, found none");
  pairs = good;
  pairs.records.clear();
  expect_refused(from, ErrorCode::kInvalidArgument, "no token is the same with and without the prompt");
  pairs = good;
  pairs.prompt = std::string(2000, 'q');  // more than the 512 tokens of this model
  expect_refused(from, ErrorCode::kInvalidArgument, "the prompt fills");
  pairs = good;
  pairs.max_tokens = 0;
  expect_refused(from, ErrorCode::kInvalidArgument, "max_tokens: expected 1 to 16384");
  pairs = good;
  pairs.ridge = 0;
  expect_refused(from, ErrorCode::kInvalidArgument, "ridge: expected a number above 0");
  pairs = good;
  pairs.records = {{.text = {}, .messages = {{"user", "a b"}}}};
  expect_refused(from, ErrorCode::kInvalidArgument, "ends with role user");
  pairs = good;
  pairs.model = Model::load(tuned().write(dir_ / "other.gguf"));
  expect_refused(from, ErrorCode::kInvalidArgument, "expected pairs read by base");
  pairs = good;
  std::stop_source source;
  source.request_stop();
  from.stop = source.get_token();
  expect_refused(from, ErrorCode::kCancelled, "");
}

TEST_F(BuildRecipes, AFragmentOfOneBaseIsRefusedOnAnother) {
  const auto other = Model::load(tuned().write(dir_ / "other.gguf"));
  for (const Recipe recipe : {Recipe::kChannel, Recipe::kActsvd}) {
    const auto path = build_fragment(*model_, spec(recipe), dir_ / "f.gguf").path;
    EXPECT_ERROR(Adapter::load(other, path), ErrorCode::kFailedPrecondition, "");
    EXPECT_ERROR(build_fragment(*other, spec(recipe), dir_ / "refused.gguf"), ErrorCode::kInvalidArgument, "expected those of base");
  }
}

TEST_F(BuildRecipes, SameBytesWhateverTheNumberOfThreads) {
  for (const Recipe recipe : {Recipe::kChannel, Recipe::kActsvd}) {
    FragmentSpec several = spec(recipe);
    build_fragment(*model_, several, dir_ / "one.gguf");
    several.n_threads = 3;
    build_fragment(*model_, several, dir_ / "three.gguf");
    EXPECT_TRUE(read_file(dir_ / "one.gguf") == read_file(dir_ / "three.gguf"));
  }
}

TEST(BuildRecipesOnSmolLm2, AlignsTheAnswersOfConversationsAndNothingElse) {
  const auto model = Model::load(test::require_model("smollm2-135m"));
  const PromptPairs pairs{.model = model, .records = test::code_records(), .prompt = "You are a pirate. Answer in one line."};
  const auto text = fragment::align_records(pairs);
  ASSERT_EQ(text.records.size(), 3u);
  size_t n = 0;
  for (const auto& record : text.records) {
    n += record.n_aligned;
    EXPECT_NE(record.prompted, record.plain);  // maybe shorter: a system message of one's own takes the place of the template's
    EXPECT_TRUE(std::equal(record.plain.end() - static_cast<std::ptrdiff_t>(record.n_aligned), record.plain.end(),
                           record.prompted.end() - static_cast<std::ptrdiff_t>(record.n_aligned)));
  }
  EXPECT_EQ(n, text.n_tokens);
  const auto& first = text.records[0];
  const auto compared = model->detokenize(std::span(first.plain).last(first.n_aligned), true);
  EXPECT_NE(compared.find("def reverse"), std::string::npos);
  EXPECT_EQ(compared.find("Write a Python"), std::string::npos) << "the question is no answer: " << compared;
  EXPECT_LT(text.records[2].n_aligned, text.records[2].plain.size()) << "never the first token of a text";

  PromptPairs few = pairs;
  few.max_tokens = 10;
  EXPECT_EQ(fragment::align_records(few).n_tokens, 10u);
}

TEST(BuildRecipesOnSmolLm2, ActsvdFromCaptureToStockLlamaCpp) {
  const auto model = Model::load(test::require_model("smollm2-135m"));
  const CaptureOptions options{.max_tokens = 0, .n_threads = 1, .sketch_size = 32};
  const ActivationStats task = capture(model, test::code_records(), options), general = capture(model, test::prose_records(), options);
  test::TempDir dir;
  const auto path =
      build_fragment(*model, {.name = "coder", .recipe = Recipe::kActsvd, .rank = 4, .n_threads = 1, .task = &task, .general = &general},
                     dir / "actsvd.gguf")
          .path;
  llama_adapter_lora* stock = llama_adapter_lora_init(static_cast<llama_model*>(model->native_handle()), path.c_str());
  ASSERT_NE(stock, nullptr);
  llama_adapter_lora_free(stock);

  const auto adapter = Adapter::load(model, path);
  Context context(model, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true});
  const auto tokens = model->tokenize("def add(a, b):\n    return");
  const auto base = context.logits(tokens);
  set_adapters(context, std::vector<ActiveAdapter>{{adapter, 0.3f}});
  const auto changed = context.logits(tokens);
  EXPECT_TRUE(std::all_of(changed.begin(), changed.end(), [](float v) { return std::isfinite(v); }));
  EXPECT_NE(changed, base);
}

}  // namespace
}  // namespace aicoder
