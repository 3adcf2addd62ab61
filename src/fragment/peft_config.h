// adapter_config.json of a PEFT LoRA: what of it decides the scale of a module, and what of it we cannot follow.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aicoder::fragment {

struct PeftConfig {
  size_t r = 0;
  double alpha = 0;
  bool rslora = false;  ///< scale = alpha / sqrt(r) instead of alpha / r
  std::vector<std::pair<std::string, size_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::vector<std::string> target_modules;  ///< written only: the tensors say what is there
  std::string base_model;                   ///< base_model_name_or_path
};

/// \throws Error kDataLoss (no JSON, missing or wrong fields), kUnimplemented (another method than LoRA, DoRA, modules_to_save,
/// biases, patterns that are more than names, initializations that changed the base; says what to do).
PeftConfig parse_peft_config(std::string_view json);
/// The text PEFT reads back. Whole numbers are written as such, because older versions annotate lora_alpha so.
std::string peft_config_json(const PeftConfig& config);

struct PeftScale {
  size_t rank = 0;
  double scale = 0;
};
/// Of "model.layers.0.self_attn.q_proj". A pattern names a module whole or by its end at a dot; the first that fits counts.
PeftScale peft_scale(const PeftConfig& config, std::string_view module);

}  // namespace aicoder::fragment
