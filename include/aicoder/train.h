// train: tunes a LoRA on a frozen, quantized base, with an explicit backward pass of our own on ggml, and guards what the base could do.
//
//   auto rows = aicoder::read_training_rows("chat.jsonl");
//   auto result = aicoder::train_lora(model, {.name = "novel", .target = {{.records = rows.records}}}, "novel.gguf");
//
// The result is a fragment file (docs/formats/fragment.md). Does not decide whether it may be used: that is the gate's (design, section 5).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder {

// ---- data ------------------------------------------------------------------------------------------------------------

struct BadRow {
  size_t line = 0;
  std::string why;
};
struct TrainingRows {
  std::vector<TextRecord> records;
  std::vector<size_t> lines;  ///< where each record began
  std::vector<BadRow> bad;    ///< left out, in file order
};
/// .jsonl with one row a line: `messages`; `prompt` + `completion`; `instruction` (+ `input`) + `output`; `question` + `answer`; `text`, a
/// string or a list of strings (joined as paragraphs). Or .txt, the whole file as one record. Either also as .gz. A row is bad when it is
/// no UTF-8, no JSON object, none of these shapes, without text, or a conversation without an answer of the assistant.
/// \throws Error kNotFound, kDataLoss (gzip), kInvalidArgument (another ending; not one good row).
TrainingRows read_training_rows(const std::filesystem::path& path);

// ---- training --------------------------------------------------------------------------------------------------------

struct TrainingSource {
  std::string name;  ///< for messages
  std::vector<TextRecord> records;
  /// How often each record is used in an epoch: 0.5 takes every second one (drawn anew each epoch), 2 takes all twice.
  double weight = 1;
};

/// What holds the parameters near where they began, or near what general text taught them.
enum class Regularizer {
  kNone,
  kL2,            ///< phi * sum (theta - theta*)^2, theta* the start (L2-SP, Li et al. 2018, arXiv 1802.01483)
  kEwc,           ///< weighted by the diagonal of the Fisher information on general text (Kirkpatrick et al. 2017, arXiv 1612.00796)
  kHierarchical,  ///< weighted by the path integral over training on general text, and by layer (arXiv 2501.13669)
};
std::string_view to_string(Regularizer regularizer) noexcept;
/// \throws Error(kInvalidArgument).
Regularizer parse_regularizer(std::string_view name);

/// One row of the curve.
struct TrainingStep {
  size_t step = 0;           ///< from 1
  size_t tokens = 0;         ///< read so far, without padding
  double loss = 0;           ///< mean -log p over the trained tokens of this step, in nats
  double rate = 0;           ///< learning rate
  double gradient_norm = 0;  ///< before clipping
  double penalty = 0;        ///< of the regularizer, in the unit of the loss
  double target_loss = -1;   ///< on held-out rows; -1: not measured at this step
  double general_loss = -1;
  double tokens_per_s = 0;  ///< of this step
};

struct TrainOptions {
  std::string name, role;
  size_t rank = 16;
  double alpha = 0;  ///< the update is alpha / rank * B A; 0: twice the rank

  std::vector<TrainingSource> target;  ///< what to learn
  std::vector<TextRecord> held_out;    ///< measured, never trained on
  double held_out_share = 0;           ///< of the target's records, chosen by a hash of their text, are moved to held_out
  /// Text whose loss must not rise. A regularizer that needs importance takes every second piece of it, the others are measured.
  std::vector<TextRecord> general;
  std::vector<TextRecord> replay;  ///< general text mixed into training
  double replay_share = 0;         ///< of the tokens read

  size_t n_ctx = 512;    ///< tokens of a pass; examples are packed into it and do not see each other. A longer text is cut into windows
  size_t batch = 4;      ///< passes whose gradients make one step
  double epochs = 1;     ///< passes over the data; a part of one is allowed
  size_t max_steps = 0;  ///< 0: as many as the epochs take

  double rate = 2e-4;       ///< largest learning rate
  double rate_floor = 0.1;  ///< share of it that is left at the end
  double warmup = 0.05;     ///< share of the steps
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  double clip = 1;  ///< largest norm of a step's gradient; 0: off
  uint64_t seed = 0;

  Regularizer regularizer = Regularizer::kNone;
  double regularizer_strength = 0;  ///< phi
  size_t importance_steps = 20;     ///< of training on general text, for kHierarchical; passes over it, for kEwc

  size_t measure_every = 0;  ///< steps between measurements of held_out and general; 0: at the end only
  size_t measure_tokens = 4096;
  size_t patience = 0;          ///< stop after so many measurements without a better target loss, and keep the best; 0: off
  double max_general_rise = 0;  ///< stop when general loss rises by more than this share, and keep what was before; 0: off

  size_t checkpoint_every = 20;  ///< steps; 0: only when stopped
  bool resume = false;           ///< from the checkpoint beside `out`
  bool force = false;            ///< replace `out`, forget a checkpoint
  std::filesystem::path curve;   ///< CSV, rewritten as training goes; empty: none

  int n_threads = 0;  ///< 0: physical cores this process may use
  bool gpu = false;   ///< take a GPU of this ggml build
  /// Computes the forward pass of each layer again in the backward pass: a third slower, 8 to 15 times fewer bytes of activations.
  bool full_recompute = false;

  std::function<void(const TrainingStep&)> on_step;
  ProgressFn progress;
  std::stop_token stop;
};

enum class TrainingEnd { kDone, kPatience, kForgetting };
std::string_view to_string(TrainingEnd end) noexcept;

struct TrainResult {
  std::filesystem::path path;
  TrainingEnd end = TrainingEnd::kDone;
  size_t steps = 0, kept_step = 0;  ///< kept_step: whose parameters the file holds
  size_t tokens = 0, trained_tokens = 0;
  size_t examples = 0, cut = 0, dropped = 0;  ///< cut: longer than n_ctx; dropped: nothing to train on was left
  double seconds = 0, tokens_per_s = 0;       ///< tokens without padding over wall time of the steps
  double first_loss = 0, train_loss = 0;      ///< of the first step, mean of the last tenth
  double target_loss_before = -1, target_loss = -1, general_loss_before = -1, general_loss = -1;  ///< -1: no such text was given
  double penalty_share = 0;                                                                       ///< of the loss, mean over the steps
  size_t peak_bytes = 0;                                                                          ///< of this process
  std::vector<TrainingStep> curve;
};

/// Trains and writes the fragment, of strength 1. A checkpoint OUT.checkpoint is written atomically on the way and when stopped, and
/// removed when done; training resumed from it gives the same bytes as one that was never stopped, on one machine and number of threads.
/// \throws Error kInvalidArgument (options, no rows, nothing to train on), kUnimplemented (family or type of the base), kFailedPrecondition
/// (`out` or a checkpoint exists, a checkpoint of other data or options, a loss that is not finite or explodes: the last checkpoint stays),
/// kResourceExhausted (memory, disk), kCancelled (after writing the checkpoint).
TrainResult train_lora(const std::shared_ptr<const Model>& model, const TrainOptions& options, const std::filesystem::path& out);

}  // namespace aicoder
