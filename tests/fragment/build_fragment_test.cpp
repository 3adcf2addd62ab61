#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "aicoder/fragment.h"
#include "fragment/oracle.h"
#include "fragment/tiny_calibration.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr char kQ[] = "blk.0.attn_q.weight";

/// One model, its statistics and one small contrast fragment, shared by the tests that only read them.
class BuildFragment : public testing::Test {
 protected:
  // Made when first asked for: each test is a process of its own under ctest, and the refusals need none of the work.
  static void SetUpTestSuite() {
    model_ = Model::load(test::require_model("smollm2-135m"));
    task_ = capture(model_, test::code_records(), {.n_threads = 1});
    general_ = capture(model_, test::prose_records(), {.n_threads = 1});
    dir_ = std::make_unique<test::TempDir>();
  }
  static void TearDownTestSuite() {
    model_.reset();
    dir_.reset();
  }
  static const FragmentBuild& built() {
    static const FragmentBuild build = build_fragment(*model_, spec(), *dir_ / "coder.gguf");
    return build;
  }
  static const std::filesystem::path& path() { return built().path; }
  static FragmentSpec spec(Recipe recipe = Recipe::kContrast, size_t rank = 4) {
    return {.name = "coder", .role = "coder", .recipe = recipe, .rank = rank, .task = &task_, .general = &general_};
  }
  static std::vector<float> logits(const std::shared_ptr<const Model>& model, std::span<const ActiveAdapter> adapters) {
    Context context(model, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true});
    set_adapters(context, adapters);
    return context.logits(model->tokenize("def add(a, b):\n    return"));
  }
  static std::vector<float> weight(const std::string& name) {
    const GgufTensor* tensor = model_->file().find(name);
    std::vector<float> values(tensor->values());
    dequantize_rows(model_->file(), *tensor, 0, values.size() / tensor->ne[0], values);
    return values;
  }
  /// Fails before any work and leaves no file.
  static void expect_refused(const FragmentSpec& bad, ErrorCode code, const char* message) {
    const auto out = *dir_ / "refused.gguf";
    EXPECT_ERROR(build_fragment(*model_, bad, out), code, message);
    EXPECT_FALSE(std::filesystem::exists(out));
  }

  inline static std::shared_ptr<const Model> model_;
  inline static ActivationStats task_, general_;
  inline static std::unique_ptr<test::TempDir> dir_;
};

TEST_F(BuildFragment, FileSaysWhatWasBuilt) {
  const FragmentInfo info = inspect_fragment(path());
  EXPECT_EQ(info.name, "coder");
  EXPECT_EQ(info.recipe, "contrast");
  EXPECT_EQ(info.base_name, model_->name());
  EXPECT_EQ(info.base_fingerprint, model_->fingerprint());
  EXPECT_FLOAT_EQ(static_cast<float>(info.keep), 0.2f);
  EXPECT_EQ(info.rank, 4u);
  EXPECT_EQ(info.strength, 0.0f);
  EXPECT_EQ(info.calibration_hashes, task_.dataset_hashes);
  EXPECT_EQ(info.general_hashes, general_.dataset_hashes);
  EXPECT_EQ(info.bytes, built().bytes);
  ASSERT_EQ(info.tensors.size(), 7 * model_->n_layer());
  double mean = 0;
  for (const FragmentTensor& tensor : info.tensors) mean += tensor.retained_energy / static_cast<double>(info.tensors.size());
  EXPECT_NEAR(mean, built().retained_energy, 1e-6);
  EXPECT_GT(mean, 0.02);
  EXPECT_LT(mean, 0.9);
}

TEST_F(BuildFragment, FactorsAreThoseOfTheRecipeComputedInNumpy) {
  // The oracle masks the weight itself and measures what the factors of the file keep of it.
  const GgufFile file = GgufFile::open(path());
  for (const std::string name : {kQ, "blk.7.ffn_down.weight", "blk.29.attn_k.weight"}) {
    const GgufTensor* base = model_->file().find(name);
    const GgufTensor *a = file.find(name + ".lora_a"), *b = file.find(name + ".lora_b");
    ASSERT_NE(a, nullptr);
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(a->ne, (std::vector<uint64_t>{base->ne[0], 4}));
    EXPECT_EQ(b->ne, (std::vector<uint64_t>{4, base->ne[1]}));
    test::TempDir dir;
    test::write_raw(dir / "weight", weight(name));
    test::write_raw(dir / "task", task_.layers.at(name).norms());
    test::write_raw(dir / "general", general_.layers.at(name).norms());
    test::run_oracle({"contrast_kept", dir.path(), std::to_string(base->ne[1]), std::to_string(base->ne[0]), path(), name});
    const auto info = std::find_if(built().tensors.begin(), built().tensors.end(), [&](const auto& t) { return t.name == name; });
    EXPECT_NEAR(info->retained_energy, test::read_raw<double>(dir / "kept").at(0), 2e-3) << name;
    const double best = test::read_raw<double>(dir / "best").at(0);
    EXPECT_GE(info->retained_energy, 0.99 * best) << name;
    EXPECT_LE(info->retained_energy, best + 1e-4) << name;
  }
}

TEST_F(BuildFragment, LoadsInStockLlamaCpp) {
  auto* native = static_cast<llama_model*>(model_->native_handle());
  llama_adapter_lora* adapter = llama_adapter_lora_init(native, path().c_str());
  ASSERT_NE(adapter, nullptr);
  char name[32] = {};
  EXPECT_GT(llama_adapter_meta_val_str(adapter, "aicoder.name", name, sizeof(name)), 0);
  EXPECT_STREQ(name, "coder");
  llama_adapter_lora_free(adapter);
}

TEST_F(BuildFragment, StrengthZeroChangesNoBitAndStrengthOneChangesLogits) {
  const auto adapter = Adapter::load(model_, path());
  EXPECT_EQ(adapter->default_strength(), 0.0f);
  const auto base = logits(model_, {});
  EXPECT_EQ(logits(model_, std::vector<ActiveAdapter>{{adapter, 0.0f}}), base);
  const auto changed = logits(model_, std::vector<ActiveAdapter>{{adapter, 1.0f}});
  ASSERT_EQ(changed.size(), base.size());
  EXPECT_TRUE(std::all_of(changed.begin(), changed.end(), [](float v) { return std::isfinite(v); }));
  EXPECT_NE(changed, base);
}

TEST_F(BuildFragment, IsRefusedOnAnotherBase) {
  const GgufFile file = GgufFile::open(path());
  GgufWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  writer.set("aicoder.base.fingerprint", std::string(64, '0'));
  for (const GgufTensor& tensor : file.tensors()) writer.add_tensor(tensor.name, tensor.type, tensor.ne, file.bytes(tensor));
  writer.write(*dir_ / "other.gguf");
  EXPECT_ERROR(Adapter::load(model_, *dir_ / "other.gguf"), ErrorCode::kFailedPrecondition, "");
}

TEST_F(BuildFragment, AttachedFactorsActAsTheProductAddedToTheWeight) {
  // Two models in F32: as it is, and with strength * B * A added to blk.0.attn_q by numpy. The first with the adapter must give
  // the logits of the second. All in F32, because quantized kernels round their inputs: the smallest change of one makes as much
  // noise as the adapter makes effect.
  const float strength = 40.0f;  // far above the rounding of the F16 cache, which any change of an input triggers
  const GgufTensor* q = model_->file().find(kQ);
  const GgufFile fragment = GgufFile::open(path());
  GgufWriter one;  // a foreign LoRA of this one tensor
  one.set("general.type", std::string("adapter"));
  one.set("general.architecture", model_->architecture());
  one.set("adapter.type", std::string("lora"));
  one.set("adapter.lora.alpha", 0.0f);
  for (const std::string suffix : {".lora_a", ".lora_b"}) {
    const GgufTensor* tensor = fragment.find(kQ + suffix);
    one.add_tensor(tensor->name, tensor->type, tensor->ne, fragment.bytes(*tensor));
  }
  one.write(*dir_ / "one.gguf");
  test::write_raw(*dir_ / "weight", weight(kQ));
  test::run_oracle({"merge", dir_->path(), std::to_string(q->ne[1]), std::to_string(q->ne[0]), "40", path(), kQ});

  const auto with_q = [&](const std::string& raw, const std::string& out) {
    GgufWriter writer;
    for (const auto& [key, value] : model_->file().metadata()) writer.set(key, value);
    for (const GgufTensor& tensor : model_->file().tensors()) {
      if (tensor.name == kQ) {
        writer.add_f32(kQ, tensor.ne, test::read_raw<float>(*dir_ / raw));
      } else if (tensor.type != GgufType::kF32) {
        std::vector<float> values(tensor.values());
        dequantize_rows(model_->file(), tensor, 0, tensor.values() / tensor.ne[0], values);
        writer.add_f32(tensor.name, tensor.ne, std::move(values));
      } else {
        writer.add_tensor(tensor.name, tensor.type, tensor.ne, model_->file().bytes(tensor));
      }
    }
    writer.write(*dir_ / out);
    return Model::load(*dir_ / out);
  };
  const auto plain = with_q("weight", "plain.gguf");
  const auto expected = logits(with_q("merged", "merged.gguf"), {});
  const auto actual = logits(plain, std::vector<ActiveAdapter>{{Adapter::load(plain, *dir_ / "one.gguf"), strength}});
  const auto base = logits(plain, {});
  double error = 0, change = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(static_cast<double>(actual[i]) - static_cast<double>(expected[i]), 2);
    change += std::pow(static_cast<double>(base[i]) - static_cast<double>(expected[i]), 2);
  }
  EXPECT_GT(change, 0.0);
  EXPECT_LT(std::sqrt(error), 0.02 * std::sqrt(change)) << "the adapter's own effect must agree to 2 %";
}

TEST_F(BuildFragment, SameBytesWhateverTheNumberOfThreads) {
  FragmentSpec one = spec();
  one.n_threads = 1;
  build_fragment(*model_, one, *dir_ / "one-thread.gguf");
  EXPECT_TRUE(read_file(*dir_ / "one-thread.gguf") == read_file(path()));
}

TEST_F(BuildFragment, ControlsNeedNoStatistics) {
  FragmentSpec random = spec(Recipe::kRandom, 1);
  random.task = random.general = nullptr;
  const FragmentBuild build = build_fragment(*model_, random, *dir_ / "random.gguf");
  EXPECT_GT(build.retained_energy, 0.0);
  const GgufFile file = GgufFile::open(*dir_ / "random.gguf");
  EXPECT_EQ(file.tensors().front().type, GgufType::kF32) << "nothing is known of the inputs";
  EXPECT_EQ(GgufFile::open(path()).tensors().front().type, GgufType::kF16);
  EXPECT_NE(Adapter::load(model_, *dir_ / "random.gguf"), nullptr);
}

TEST_F(BuildFragment, RankIsCutToWhatATensorCanHold) {
  FragmentSpec wide = spec(Recipe::kMagnitude, 200);
  size_t calls = 0;
  wide.progress = [&](const Progress& p) {
    EXPECT_EQ(p.total, 7.0 * static_cast<double>(model_->n_layer()));
    ++calls;
  };
  const FragmentBuild build = build_fragment(*model_, wide, *dir_ / "wide.gguf");
  EXPECT_EQ(calls, build.tensors.size());
  for (const FragmentTensor& tensor : build.tensors) {
    const GgufTensor* base = model_->file().find(tensor.name);
    const size_t full = static_cast<size_t>(std::min(base->ne[0], base->ne[1]));
    EXPECT_EQ(tensor.rank, std::min<size_t>(200, full)) << tensor.name;
    EXPECT_TRUE(tensor.rank < full || std::abs(tensor.retained_energy - 1.0) < 1e-4) << tensor.name;
  }
  EXPECT_NE(Adapter::load(model_, *dir_ / "wide.gguf"), nullptr);
}

TEST_F(BuildFragment, CancelledLeavesNoFile) {
  std::stop_source source;
  FragmentSpec stopped = spec();
  stopped.stop = source.get_token();
  stopped.progress = [&](const Progress&) { source.request_stop(); };
  expect_refused(stopped, ErrorCode::kCancelled, "");
}

TEST_F(BuildFragment, RefusesWhatTheCallerGotWrong) {
  FragmentSpec bad = spec();
  bad.name = "a:b";
  expect_refused(bad, ErrorCode::kInvalidArgument, "name");
  bad.name = "";
  expect_refused(bad, ErrorCode::kInvalidArgument, "name");
  for (const double keep : {0.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    bad = spec();
    bad.keep = keep;
    expect_refused(bad, ErrorCode::kInvalidArgument, "keep");
  }
  expect_refused(spec(Recipe::kWanda, 0), ErrorCode::kInvalidArgument, "rank");
  expect_refused(spec(Recipe::kWanda, 577), ErrorCode::kInvalidArgument, "expected at most 576");
  bad = spec();
  bad.strength = std::numeric_limits<float>::infinity();
  expect_refused(bad, ErrorCode::kInvalidArgument, "strength");
  bad = spec(Recipe::kWanda);
  bad.task = nullptr;
  expect_refused(bad, ErrorCode::kInvalidArgument, "needs statistics of a task text");
  bad = spec();
  bad.general = nullptr;
  expect_refused(bad, ErrorCode::kInvalidArgument, "needs statistics of a general text");
}

TEST_F(BuildFragment, RefusesStatisticsThatDoNotFit) {
  ActivationStats stats = task_;
  FragmentSpec bad = spec();
  bad.task = &stats;

  stats.base_fingerprint = std::string(64, '0');
  expect_refused(bad, ErrorCode::kInvalidArgument, "expected those of base");
  stats = task_;
  stats.layers.erase(kQ);
  expect_refused(bad, ErrorCode::kInvalidArgument, "expected layer blk.0.attn_q.weight");
  stats = task_;
  stats.layers.at(kQ).sum_squares.pop_back();
  expect_refused(bad, ErrorCode::kInvalidArgument, "expected 576 inputs, found 575");
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1.0}) {
    stats = task_;
    stats.layers.at(kQ).sum_squares[5] = value;
    expect_refused(bad, ErrorCode::kInvalidArgument, "expected finite sums of squares");
  }
  stats = task_;
  std::fill(stats.layers.at(kQ).sum_squares.begin(), stats.layers.at(kQ).sum_squares.end(), 0.0);
  expect_refused(bad, ErrorCode::kFailedPrecondition, "every input is zero");
}

TEST_F(BuildFragment, RefusesAContrastOfATextWithItself) {
  FragmentSpec same = spec();
  same.general = &task_;
  expect_refused(same, ErrorCode::kFailedPrecondition, "selects no weight");
}

}  // namespace
}  // namespace aicoder
