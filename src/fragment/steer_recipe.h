// Control vectors from a prompt: what it adds to the residual stream, on average.
#pragma once

#include "fragment/paired_inputs.h"

namespace aicoder::fragment {

/// Of one layer, over all aligned tokens.
struct ResidualShift {
  std::vector<double> mean_change;  ///< [n_embd], prompted minus plain
  double sum_change_squares = 0;    ///< of the change, over tokens
  double sum_plain_squares = 0;     ///< of the residual stream itself
};
/// Runs every record twice. \return by layer, [n_layer]
/// \throws Error kFailedPrecondition (values that are not finite, a model without such outputs), kCancelled.
std::vector<ResidualShift> residual_shifts(const PromptPairs& pairs, const AlignedText& text, int n_threads, const ProgressFn& progress,
                                           const std::stop_token& stop);

/// The range itself, or the middle third for first = 0. \throws Error(kInvalidArgument) outside 1..n_layer-1.
LayerRange checked_layers(const LayerRange& layers, size_t n_layer);

/// build_fragment for the recipe steer.
FragmentBuild build_control_vectors(const Model& base, const FragmentSpec& spec, const std::filesystem::path& out);

}  // namespace aicoder::fragment
