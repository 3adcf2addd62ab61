// Everything that training needs to go on as if it had not stopped, in one file that is replaced at once.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/train.h"
#include "train/adamw.h"
#include "train/anchor.h"

namespace aicoder::train {

struct TrainingState {
  size_t step = 0;  ///< done
  std::vector<float> parameters;
  AdamW optimizer;
  Anchor anchor;
  std::vector<float> best;  ///< parameters of the best measurement; empty: none yet
  size_t best_step = 0;
  double best_loss = 0;
  size_t since_best = 0;  ///< measurements without a better one
  double target_before = -1, general_before = -1;
  double seconds = 0;  ///< of the steps so far
  size_t trained_tokens = 0;
  std::vector<TrainingStep> curve;
};

/// Byte layout: docs/formats/checkpoint.md. \param run_hash  of all that decides the result: base, options, data
/// \throws as write_file_atomic.
void write_checkpoint(const std::filesystem::path& path, const std::string& run_hash, const TrainingState& state);
/// \throws Error kNotFound, kDataLoss (broken, numbers that are not finite), kFailedPrecondition (another run or version).
TrainingState read_checkpoint(const std::filesystem::path& path, const std::string& run_hash, size_t n_parameters);

}  // namespace aicoder::train
