#include <array>
#include <cmath>

#include "train/trainer.h"

namespace aicoder {
namespace {

constexpr std::array<std::string_view, 4> kRegularizers = {"none", "l2", "ewc", "hierarchical"};

[[noreturn]] void refuse(const std::string& what, const std::string& fix) {
  throw Error(ErrorCode::kInvalidArgument, "[train] " + what, fix);
}

void check_between(const char* name, double value, double low, double high, const std::string& fix) {
  if (!(value >= low && value <= high)) {
    refuse(std::string(name) + ": expected " + std::to_string(low) + " to " + std::to_string(high) + ", found " + std::to_string(value),
           fix);
  }
}

}  // namespace

std::string_view to_string(Regularizer regularizer) noexcept { return kRegularizers.at(static_cast<size_t>(regularizer)); }

Regularizer parse_regularizer(std::string_view name) {
  for (size_t i = 0; i < kRegularizers.size(); ++i) {
    if (kRegularizers.at(i) == name) return static_cast<Regularizer>(i);
  }
  refuse("regularizer: expected none, l2, ewc or hierarchical, found '" + std::string(name) + "'", "--reg hierarchical");
}

std::string_view to_string(TrainingEnd end) noexcept {
  static constexpr std::array<std::string_view, 3> kEnds = {"done", "patience", "forgetting"};
  return kEnds.at(static_cast<size_t>(end));
}

namespace train {

void check_options(const TrainOptions& o) {
  if (o.name.empty() ||
      o.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != std::string::npos) {
    refuse("name: expected letters, digits, '.', '_' and '-', found '" + o.name + "'", "--name novel");
  }
  if (o.target.empty()) refuse("there is no data to train on", "--data FILE");
  for (const TrainingSource& source : o.target) {
    if (source.records.empty()) refuse(source.name + " holds no rows", "give a file with content");
    check_between(("weight of " + source.name).c_str(), source.weight, 1e-6, 1000, "--data FILE:1");
  }
  check_between("context", static_cast<double>(o.n_ctx), 32, 1 << 17, "--context 512");
  check_between("batch", static_cast<double>(o.batch), 1, 4096, "--batch 4");
  check_between("epochs", o.epochs, 1e-6, 10000, "--epochs 1");
  check_between("rate", o.rate, 1e-9, 1, "--rate 2e-4");
  check_between("rate floor", o.rate_floor, 0, 1, "--rate-floor 0.1");
  check_between("warm-up", o.warmup, 0, 1, "--warmup 0.05");
  check_between("beta1", o.beta1, 0, 0.9999, "leave it out");
  check_between("beta2", o.beta2, 0, 0.999999, "leave it out");
  check_between("epsilon", o.epsilon, 1e-30, 1, "leave it out");
  check_between("weight decay", o.weight_decay, 0, 10, "--weight-decay 0");
  check_between("clip", o.clip, 0, 1e9, "--clip 1");
  check_between("alpha", o.alpha, 0, 1e6, "--alpha 32");
  check_between("held-out share", o.held_out_share, 0, 0.9, "--held-out 0.05");
  check_between("replay share", o.replay_share, 0, 0.9, "--replay-share 0.05");
  check_between("regularizer strength", o.regularizer_strength, 0, 1e9, "--reg-strength 0.01");
  check_between("largest rise of the general loss", o.max_general_rise, 0, 100, "--max-rise 0.02");
  check_between("measured tokens", static_cast<double>(o.measure_tokens), 1, 1e12, "--measure-tokens 4096");
  check_between("threads", o.n_threads, 0, 1024, "--threads 0");
  if (o.replay_share > 0 && o.replay.empty()) refuse("a share of replay, but no text to replay", "--replay FILE");
  const bool on_general = o.regularizer == Regularizer::kEwc || o.regularizer == Regularizer::kHierarchical;
  if (on_general && o.general.empty()) {
    refuse("the regularizer " + std::string(to_string(o.regularizer)) + " measures importance on general text, and none is given",
           "--general FILE");
  }
  if (on_general && o.importance_steps == 0) refuse("importance steps: expected at least 1", "--importance-steps 20");
  if (o.regularizer != Regularizer::kNone && o.regularizer_strength == 0) {
    refuse("a regularizer of strength 0 does nothing", "--reg-strength 0.01");
  }
  if (o.patience > 0 && o.held_out.empty() && o.held_out_share == 0) refuse("patience needs held-out rows", "--held-out 0.05");
  if (o.max_general_rise > 0 && o.general.empty()) refuse("a limit of forgetting needs general text", "--general FILE");
}

}  // namespace train

TrainResult train_lora(const std::shared_ptr<const Model>& model, const TrainOptions& options, const std::filesystem::path& out) {
  train::check_options(options);
  return train::Trainer(model, options, out).run();
}

}  // namespace aicoder
