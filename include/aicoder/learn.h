// learn: makes the next fragment from the model's own verified work: sample, verify in the sandbox, keep, tune, measure on tasks it has not
// seen, and deploy only what passes the gate. Rejection sampling and fine-tuning (Zelikman et al. 2022, STaR, arXiv 2203.14465; Yuan et al.
// 2023, arXiv 2308.01825), without a teacher.
//
//   auto result = aicoder::learn(model, generator, sandbox, {.name = "coder-own", .tasks = "mbpp_select.jsonl", .work_dir = "learn"});
//   if (!result.deployed) for (const auto& check : result.checks) ...          // why not
//
// Nothing is used that did not pass its checks, and nothing is deployed on the tasks it was tuned on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "aicoder/eval.h"
#include "aicoder/train.h"

namespace aicoder {

struct LearnOptions {
  std::string name, role = "coder";
  std::string suite = "mbpp";   ///< or gsm8k
  std::filesystem::path tasks;  ///< rows that may choose, as StrengthOptions::tasks
  /// Everything made on the way: the split, raw answers, kept answers, the fragment, learn.json. The same folder with the same options
  /// goes on where it was stopped.
  std::filesystem::path work_dir;
  std::filesystem::path out;  ///< where a fragment that passes goes; the one it replaces is kept beside it for roll_back

  double held_out_share = 0.4;  ///< of the tasks, chosen by a hash of the row: they judge and are neither sampled nor trained on
  size_t n_samples = 4;         ///< answers to each task, the first greedy
  float temperature = 0.8f;
  size_t per_task = 2;  ///< shortest different passing answers that are kept
  size_t max_tokens = 512, n_workers = 2;

  std::vector<TextRecord> general;  ///< whose loss must not rise; empty: not checked, and then nothing is deployed
  /// Rank, rate, epochs, regularizer, replay and what else train_lora takes; data, name, general, progress and stop are set here.
  TrainOptions train;

  double max_general_rise = 0.01;  ///< of the loss, as a share
  double max_p = 0.05;             ///< exact McNemar of the held-out tasks: a gain that could be chance deploys nothing
  std::string model_fingerprint;
  ProgressFn progress;
  std::stop_token stop;
};

struct GateCheck {
  std::string name;  ///< "target gain", "not by chance", "general loss"
  bool passed = false;
  std::string found, expected;  ///< in words
};
struct LearnResult {
  size_t tasks = 0, held_out = 0;              ///< tasks sampled from, tasks that judge
  size_t sampled = 0, verified = 0, kept = 0;  ///< answers
  TrainResult train;
  EvalReport before, after;  ///< of the held-out tasks, greedy
  Comparison comparison;
  std::vector<GateCheck> checks;
  bool deployed = false;
  std::filesystem::path path;  ///< of the fragment: `out` where deployed, else in work_dir
};
/// \param generator  answers with the base and, named by path, with the new fragment
/// \throws Error kInvalidArgument (options, tasks that judge), kFailedPrecondition (no answer passed; a work_dir of other options), what
/// own_answers, train_lora and run_suite throw. A fragment the gate refuses is an outcome.
LearnResult learn(const std::shared_ptr<const Model>& model, TextGenerator& generator, CodeRunner& runner, const LearnOptions& options);

/// The decision, from what was measured. Pure. The second: of any fragment, over its suites and the texts that must not get worse. It must
/// solve more of at least one suite with p below max_p over the number of suites, lose on none with p < 0.05, and raise no text's loss by
/// more than max_rise. Without a suite or without a text it does not pass.
std::vector<GateCheck> gate_checks(const Comparison& held_out, const TrainResult& train, double max_general_rise, double max_p);
std::vector<GateCheck> gate_checks(const FragmentEffect& effect, double max_rise, double max_p);
bool all_passed(const std::vector<GateCheck>& checks) noexcept;

/// Puts the fragment that `path` replaced back in its place; the one there now becomes the replaced one. Where there was none before,
/// `path` is taken away. \returns true where an earlier fragment is back. \throws Error(kNotFound) where no fragment was ever deployed
/// there.
bool roll_back(const std::filesystem::path& path);

}  // namespace aicoder
