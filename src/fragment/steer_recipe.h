// Control vectors: what a prompt adds to the residual stream on average, or how the answers of two sets differ there.
#pragma once

#include "fragment/paired_inputs.h"

namespace aicoder::fragment {

/// Of one layer.
struct ResidualShift {
  std::vector<double> mean_change;  ///< [n_embd]
  double shared = 0;                ///< ControlVector::shared
  double plain_rms = 0;             ///< root mean square norm of the residual stream of the other side
};
struct ShiftRun {
  int n_threads = 0;
  const ProgressFn& progress;
  const std::stop_token& stop;
};
/// Runs every record twice, with the prompt and without it (or with the opposite one). \return by layer, [n_layer]
/// \throws Error kFailedPrecondition (values that are not finite, a model without such outputs), kCancelled.
std::vector<ResidualShift> prompt_shifts(const PromptPairs& pairs, const AlignedText& text, const ShiftRun& run);

/// What the two sets of answers read: at most pairs.max_tokens answer tokens of each.
struct AnswerTokens {
  std::vector<std::vector<Token>> records;
  std::vector<size_t> n_answer;
  size_t n_tokens = 0;  ///< of answers
  std::string hash;
};
/// \throws Error(kInvalidArgument): no answer in them, a conversation that ends with none.
AnswerTokens answer_tokens(const Model& model, std::span<const TextRecord> records, size_t max_tokens);
/// Mean over the answer tokens of `a` minus that of `b`. \throws as prompt_shifts.
std::vector<ResidualShift> answer_shifts(const std::shared_ptr<const Model>& model, const AnswerTokens& a, const AnswerTokens& b,
                                         const ShiftRun& run);

/// The range itself, or the middle third for first = 0. \throws Error(kInvalidArgument) outside 1..n_layer-1.
LayerRange checked_layers(const LayerRange& layers, size_t n_layer);

/// build_fragment for the recipe steer.
FragmentBuild build_control_vectors(const Model& base, const FragmentSpec& spec, const std::filesystem::path& out);

}  // namespace aicoder::fragment
