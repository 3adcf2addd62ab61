// The training loop: data, steps, measurements, checkpoints.
#pragma once

#include "train/checkpoint.h"
#include "train/examples.h"
#include "train/gradient_engine.h"

namespace aicoder::train {

class Trainer {
 public:
  Trainer(const std::shared_ptr<const Model>& model, const TrainOptions& options, std::filesystem::path out);
  TrainResult run();

 private:
  void prepare_data();
  void split_general();
  /// Also sets the hash of the data.
  std::string run_hash();
  void start_or_resume();
  void prepare_anchor();
  void anchor_to_path();
  void anchor_to_fisher();
  void step();
  void measure_if_due();
  void measure(TrainingStep& row);
  double mean_loss(const std::vector<Example>& examples);
  void save_checkpoint();
  void write_curve() const;
  bool is_last() const noexcept { return state_.step >= n_steps_ || end_ != TrainingEnd::kDone; }
  TrainResult finish();

  std::shared_ptr<const Model> model_;
  const TrainOptions& options_;
  std::filesystem::path out_, checkpoint_;
  LoraLayout layout_;
  ExampleSet data_;
  std::vector<Example> held_out_, general_, importance_;
  Plan plan_, importance_plan_;
  size_t n_steps_ = 0;
  Schedule schedule_;
  std::unique_ptr<GradientEngine> engine_;
  TrainingState state_{.optimizer = AdamW(0)};
  std::vector<float> gradient_;
  std::string hash_, data_hash_;
  TrainingEnd end_ = TrainingEnd::kDone;
};

/// \throws Error(kInvalidArgument) naming the option and what it may be.
void check_options(const TrainOptions& options);

}  // namespace aicoder::train
