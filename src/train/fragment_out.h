// Trained parameters as a fragment file.
#pragma once

#include <filesystem>
#include <span>

#include "aicoder/train.h"
#include "train/lora_parameters.h"

namespace aicoder::train {

/// Writes docs/formats/fragment.md, recipe `train`, strength 1, factors in F32: nothing is known of the largest inputs.
/// B holds alpha / rank, so that the strength is the scale whatever the rank.
void write_trained_fragment(const Model& model, const LoraLayout& layout, std::span<const float> parameters, const TrainOptions& options,
                            const TrainResult& result, const std::string& data_hash, const std::filesystem::path& out);

}  // namespace aicoder::train
