// The whole training on tiny models: it learns, resumes to the same bytes, stops cleanly, and refuses what cannot work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "aicoder/train.h"
#include "support/error_matcher.h"
#include "support/test_model.h"
#include "train/checkpoint.h"
#include "train/jax_oracle.h"
#include "train/tiny_base.h"

namespace aicoder::test {
namespace {

/// Words of a random letter and `tail`. Of another tail: what training on the first makes less likely.
std::vector<TextRecord> sentences(size_t n, uint64_t seed = 5, const std::string& tail = "bc ") {
  train::Random random(seed);
  std::vector<TextRecord> records;
  for (size_t i = 0; i < n; ++i) {
    std::string text;
    for (int word = 0; word < 8; ++word) text += std::string(1, static_cast<char>('a' + random.below(26))) + tail;
    records.push_back({.text = text, .messages = {}});
  }
  return records;
}

class Training : public ::testing::Test {
 protected:
  Training() : model_(Model::load(TinyBase{}.write(dir_ / "base.gguf"))) {}

  TrainOptions options(size_t n_rows = 12) const {
    TrainOptions o{.name = "tiny", .rank = 4, .target = {{.name = "rows", .records = sentences(n_rows)}}, .n_ctx = 64, .batch = 2};
    o.epochs = 4;
    o.rate = 5e-3;
    o.seed = 1;
    o.n_threads = 1;
    return o;
  }
  TrainResult train(const TrainOptions& o, const std::string& name = "out.gguf") const { return train_lora(model_, o, dir_ / name); }

  const TempDir dir_;
  std::shared_ptr<const Model> model_;
};

TEST_F(Training, LowersTheLossAndLeavesNoCheckpoint) {
  TrainOptions o = options();
  o.curve = dir_ / "curve.csv";
  const TrainResult result = train(o);
  EXPECT_LT(result.train_loss, 0.8 * result.first_loss);
  EXPECT_EQ(result.curve.size(), result.steps);
  EXPECT_GT(result.tokens_per_s, 0);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out.gguf.checkpoint"));
  const std::string csv = read_file(dir_ / "curve.csv");
  EXPECT_EQ(static_cast<size_t>(std::count(csv.begin(), csv.end(), '\n')), result.steps + 1);
}

TEST_F(Training, EngineWithTheFragmentHasTheLossThatTheTrainerMeasured) {
  TrainOptions o = options();
  o.held_out = sentences(6, 99);
  const TrainResult result = train(o);
  Context context(model_, {.n_ctx_seq = 512, .n_threads = 1, .deterministic = true, .f32_attention = true});
  const auto mean_loss = [&] {
    LogLikelihood sum;
    for (const TextRecord& record : o.held_out) {
      const LogLikelihood one = context.log_likelihood(tokenize_record(*model_, record));
      sum.nll += one.nll;
      sum.tokens += one.tokens;
    }
    return sum.nll / static_cast<double>(sum.tokens);
  };
  EXPECT_NEAR(mean_loss(), result.target_loss_before, 1e-4);
  const auto adapter = Adapter::load(model_, result.path);
  EXPECT_EQ(adapter->default_strength(), 1.0f);
  set_adapters(context, std::vector<ActiveAdapter>{{adapter, 1.0f}});
  EXPECT_NEAR(mean_loss(), result.target_loss, 1e-4);
  EXPECT_GT(std::abs(result.target_loss - result.target_loss_before), 0.05);
}

TEST_F(Training, SameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  TrainOptions o = options();
  const auto bytes = [&](const char* name) { return read_file(train(o, name).path); };
  const std::string first = bytes("a.gguf");
  EXPECT_EQ(first, bytes("b.gguf"));
  o.seed = 2;
  EXPECT_NE(first, bytes("c.gguf"));
}

TEST_F(Training, ResumedAfterAStopGivesTheBytesOfOneThatWasNeverStopped) {
  TrainOptions o = options();
  o.held_out = sentences(4, 99);
  o.measure_every = 2;
  o.patience = 100;
  o.regularizer = Regularizer::kL2;
  o.regularizer_strength = 0.01;
  o.checkpoint_every = 3;
  const std::string whole = read_file(train(o, "whole.gguf").path);
  for (const size_t stop_at : {1u, 4u}) {
    std::stop_source source;
    TrainOptions stopped = o;
    stopped.stop = source.get_token();
    stopped.on_step = [&](const TrainingStep& step) {
      if (step.step == stop_at) source.request_stop();
    };
    EXPECT_ERROR(train(stopped, "part.gguf"), ErrorCode::kCancelled, "");
    EXPECT_FALSE(std::filesystem::exists(dir_ / "part.gguf"));
    EXPECT_ERROR(train(o, "part.gguf"), ErrorCode::kFailedPrecondition, "an earlier training was stopped");
    TrainOptions resumed = o;
    resumed.resume = true;
    const TrainResult result = train(resumed, "part.gguf");
    EXPECT_EQ(read_file(result.path), whole) << "stopped after step " << stop_at;
    std::filesystem::remove(result.path);
  }
}

TEST_F(Training, CheckpointOfOtherOptionsOrDataOrBrokenIsRefused) {
  TrainOptions o = options();
  std::stop_source source;
  o.stop = source.get_token();
  o.on_step = [&](const TrainingStep&) { source.request_stop(); };
  EXPECT_ERROR(train(o), ErrorCode::kCancelled, "");
  TrainOptions resumed = options();
  resumed.resume = true;
  TrainOptions other = resumed;
  other.rate = 1e-3;
  EXPECT_ERROR(train(other), ErrorCode::kFailedPrecondition, "other options");
  other = resumed;
  other.target[0].records[0].text += "x";
  EXPECT_ERROR(train(other), ErrorCode::kFailedPrecondition, "other data");
  const auto path = dir_ / "out.gguf.checkpoint";
  const std::string bytes = read_file(path);
  write_file_atomic(path, bytes.substr(0, bytes.size() / 2));
  EXPECT_ERROR(train(resumed), ErrorCode::kDataLoss, "");
  write_file_atomic(path, bytes);
  EXPECT_NO_THROW(train(resumed));
}

TEST_F(Training, ExplodingLossIsRefusedAndTheCheckpointStays) {
  TrainOptions o = options(40);
  o.rate = 1;
  o.alpha = 1e6;
  o.clip = 0;
  o.warmup = 0.5;
  o.checkpoint_every = 1;
  try {
    (void)train(o);
    FAIL() << "such a rate should explode";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition) << error.what();
    EXPECT_NE(error.fix().find("--rate"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out.gguf"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out.gguf.checkpoint"));
  EXPECT_NO_THROW((void)GgufFile::open(dir_ / "out.gguf.checkpoint"));
}

TEST_F(Training, HeldOutRowsAreNotTrainedOnAndDoNotDependOnTheOthers) {
  TrainOptions o = options(60);
  o.held_out_share = 0.3;
  const TrainResult all = train(o, "all.gguf");
  EXPECT_LT(all.examples, 60u);
  EXPECT_GT(all.examples, 30u);
  EXPECT_GE(all.target_loss, 0);
  // The two halves on their own hold out the same rows: each row's side depends on its text alone.
  const auto rows = o.target[0].records;
  o.target[0].records.assign(rows.begin(), rows.begin() + 30);
  const size_t first = train(o, "first.gguf").examples;
  o.target[0].records.assign(rows.begin() + 30, rows.end());
  EXPECT_EQ(first + train(o, "second.gguf").examples, all.examples);
}

TEST_F(Training, PatienceKeepsTheBestMeasurement) {
  TrainOptions o = options(4);
  o.epochs = 60;
  o.held_out = sentences(4, 99);  // of other letters: overfitting makes it worse
  o.measure_every = 1;
  o.patience = 3;
  const TrainResult result = train(o);
  EXPECT_EQ(result.end, TrainingEnd::kPatience);
  double best = std::numeric_limits<double>::infinity();
  for (const TrainingStep& step : result.curve) best = std::min(best, step.target_loss);
  EXPECT_EQ(result.target_loss, best);
  EXPECT_EQ(result.kept_step + 3, result.steps);
}

TEST_F(Training, LimitOfForgettingStopsAndKeepsWhatWasBefore) {
  TrainOptions o = options(4);
  o.epochs = 60;
  o.general = sentences(4, 99, "01.");
  o.measure_every = 1;
  o.max_general_rise = 0.02;
  const TrainResult result = train(o);
  EXPECT_EQ(result.end, TrainingEnd::kForgetting);
  EXPECT_LE(result.general_loss, 1.02 * result.general_loss_before);
  EXPECT_GT(result.curve.back().general_loss, 1.02 * result.general_loss_before);
}

TEST_F(Training, StrongRegularizerKeepsTheModelAndItsShareIsReported) {
  TrainOptions o = options();
  o.general = sentences(8, 99, "01.");
  o.importance_steps = 4;
  const TrainResult none = train(o, "none.gguf");
  EXPECT_EQ(none.penalty_share, 0);
  for (const Regularizer regularizer : {Regularizer::kL2, Regularizer::kEwc, Regularizer::kHierarchical}) {
    o.regularizer = regularizer;
    o.regularizer_strength = 10;
    const TrainResult held = train(o, std::string(to_string(regularizer)) + ".gguf");
    EXPECT_GT(held.penalty_share, 0) << to_string(regularizer);
    EXPECT_GT(held.train_loss, none.train_loss) << to_string(regularizer);
    // Importance by path is measured while learning the general text; the others hold the model where it was.
    const auto moved = [](const TrainResult& r) { return std::abs(r.general_loss - r.general_loss_before); };
    if (regularizer == Regularizer::kHierarchical) {
      EXPECT_LT(held.general_loss, none.general_loss);
    } else {
      EXPECT_LT(moved(held), moved(none)) << to_string(regularizer);
    }
  }
}

TEST_F(Training, ReplayTakesItsShareOfTheTokens) {
  TrainOptions o = options(40);
  o.epochs = 1;
  const TrainResult alone = train(o, "alone.gguf");
  o.replay = sentences(200, 99);
  o.replay_share = 0.25;
  const TrainResult mixed = train(o, "mixed.gguf");
  const double share = 1 - static_cast<double>(alone.tokens) / static_cast<double>(mixed.tokens);
  EXPECT_NEAR(share, 0.25, 0.03);
}

TEST_F(Training, BadOptionsAreRefused) {
  const auto refused = [&](const char* part, const std::function<void(TrainOptions&)>& change) {
    TrainOptions o = options(2);
    change(o);
    EXPECT_ERROR(train(o), ErrorCode::kInvalidArgument, part);
  };
  refused("no data", [](TrainOptions& o) { o.target.clear(); });
  refused("holds no rows", [](TrainOptions& o) { o.target[0].records.clear(); });
  refused("name", [](TrainOptions& o) { o.name = "a/b"; });
  refused("rank", [](TrainOptions& o) { o.rank = 0; });
  refused("context", [](TrainOptions& o) { o.n_ctx = 8; });
  refused("batch", [](TrainOptions& o) { o.batch = 0; });
  refused("rate", [](TrainOptions& o) { o.rate = std::nan(""); });
  refused("weight", [](TrainOptions& o) { o.target[0].weight = 0; });
  refused("strength 0", [](TrainOptions& o) { o.regularizer = Regularizer::kL2; });
  refused("general text", [](TrainOptions& o) {
    o.regularizer = Regularizer::kEwc;
    o.regularizer_strength = 1;
  });
  refused("single piece", [](TrainOptions& o) {
    o.regularizer = Regularizer::kHierarchical;
    o.regularizer_strength = 1;
    o.general = sentences(1);
  });
  refused("held-out rows", [](TrainOptions& o) { o.patience = 1; });
  refused("replay", [](TrainOptions& o) { o.replay_share = 0.1; });
  EXPECT_ERROR(train(options(), "missing/out.gguf"), ErrorCode::kNotFound, "does not exist");
  TrainOptions resumed = options();
  resumed.resume = true;
  EXPECT_ERROR(train(resumed), ErrorCode::kNotFound, "no checkpoint");
  (void)train(options());
  EXPECT_ERROR(train(options()), ErrorCode::kFailedPrecondition, "exists");
}

// 50 steps on one batch: our loss before each step against JAX with AdamW written from the papers, in double.
TEST(TrainingCurve, FiftyStepsAgreeWithJax) {
  const TempDir dir;
  const auto path = TinyBase{.family = "qwen2"}.write(dir / "base.gguf");
  const auto model = Model::load(path);
  TrainOptions o{.name = "curve", .rank = 4, .alpha = 8, .target = {{.name = "rows", .records = sentences(1)}}, .n_ctx = 64, .batch = 1};
  o.epochs = 50;
  o.rate = 2e-3;
  o.warmup = 0.1;
  o.weight_decay = 0.1;
  o.seed = 4;
  o.n_threads = 1;
  const TrainResult result = train_lora(model, o, dir / "out.gguf");
  ASSERT_EQ(result.steps, 50u);
  const train::LoraLayout layout = train::make_lora_layout(train::read_architecture(model->file()), 4, 8);
  train::Example example{.tokens = tokenize_record(*model, o.target[0].records[0])};
  example.trained.assign(example.tokens.size(), 1);
  const std::vector<const train::Example*> one{&example};
  run_jax("curve", path, dir.path(), layout, train::initial_parameters(layout, 4), train::make_batch(one),
          {{"steps", 50},
           {"warmup", 5},
           {"rate", o.rate},
           {"floor", o.rate_floor},
           {"clip", o.clip},
           {"beta1", o.beta1},
           {"beta2", o.beta2},
           {"epsilon", o.epsilon},
           {"decay", o.weight_decay}});
  const auto expected = read_raw<double>(dir / "losses");
  ASSERT_EQ(expected.size(), 50u);
  EXPECT_LT(expected.back(), 0.8 * expected.front()) << "a curve that does not fall shows little";
  for (size_t i = 0; i < 50; ++i) EXPECT_NEAR(result.curve[i].loss, expected[i], 1e-3 * expected[i]) << "step " << i + 1;
}

}  // namespace
}  // namespace aicoder::test
