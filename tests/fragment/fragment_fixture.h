// A small fragment file, complete enough to inspect.
#pragma once

#include <string>

#include "aicoder/fragment.h"
#include "fragment/fragment_keys.h"

namespace aicoder::test {

/// A LoRA over one tensor of 3 inputs and 2 outputs, rank 1.
inline GgufWriter small_lora() {
  GgufWriter writer;
  writer.set("general.type", std::string("adapter"));
  writer.set("general.architecture", std::string("llama"));
  writer.set("adapter.type", std::string("lora"));
  writer.set("adapter.lora.alpha", 0.0f);
  writer.add_f32("blk.0.attn_q.weight.lora_a", {3, 1}, {1, 2, 3});
  writer.add_f32("blk.0.attn_q.weight.lora_b", {1, 2}, {4, 5});
  return writer;
}
inline GgufWriter small_fragment(const std::string& name = "coder", const std::string& base = "base-1") {
  GgufWriter writer = small_lora();
  writer.set(fragment::key::kVersion, uint32_t{1});
  writer.set(fragment::key::kName, name);
  writer.set(fragment::key::kRole, std::string("coder"));
  writer.set(fragment::key::kRecipe, std::string("contrast"));
  writer.set(fragment::key::kBaseName, std::string("tiny"));
  writer.set(fragment::key::kBaseFingerprint, base);
  writer.set(fragment::key::kKeep, 0.25f);
  writer.set(fragment::key::kTensorNames, GgufArray(std::vector<std::string>{"blk.0.attn_q.weight"}));
  writer.set(fragment::key::kTensorEnergy, GgufArray(std::vector<float>{0.5f}));
  writer.set(fragment::key::kCalibrationHashes, GgufArray(std::vector<std::string>{"abc"}));
  fragment::set_strength_and_evidence(writer, 0.3f, {});
  return writer;
}

}  // namespace aicoder::test
