// A base of one layer in each family that PEFT folders are known for, and fragments of it with random factors.
#pragma once

#include <memory>
#include <string>

#include "adapter/lora_file.h"
#include "fragment/fragment_fixture.h"
#include "model/tiny_model.h"

namespace aicoder::test {

/// The tiny llama, or the same shapes under the metadata and with the tensors of qwen2 or qwen3.
inline TinyModel tiny_of(const std::string& architecture) {
  TinyModel tiny;
  if (architecture == "llama") return tiny;
  std::map<std::string, GgufValue> metadata;
  for (const auto& [key, value] : tiny.metadata) {
    metadata[key.starts_with("llama.") ? architecture + key.substr(5) : key] = value;
  }
  metadata["general.architecture"] = architecture;
  tiny.metadata = std::move(metadata);
  constexpr uint64_t kHead = TinyModel::kEmbd / TinyModel::kHeads, kKv = TinyModel::kEmbd / 2;
  const auto fill = [&tiny](const std::string& name, uint64_t n, float value) { tiny.tensors[name] = {{n}, std::vector<float>(n, value)}; };
  if (architecture == "qwen2") {
    fill("blk.0.attn_q.bias", TinyModel::kEmbd, 0.1f);
    fill("blk.0.attn_k.bias", kKv, 0.1f);
    fill("blk.0.attn_v.bias", kKv, 0.1f);
  } else {
    fill("blk.0.attn_q_norm.weight", kHead, 1.0f);
    fill("blk.0.attn_k_norm.weight", kHead, 1.0f);
  }
  return tiny;
}

/// Factors of `rank` for every linear layer, but `rank_k` for attn_k: ranks that differ by tensor.
inline LoraFile random_fragment(const Model& base, const std::string& name, float strength, uint64_t rank, uint64_t rank_k, uint32_t seed) {
  LoraFile lora(base.architecture());
  lora.add_all(base.file(), rank, seed, 0.1f);
  for (auto& [weight, factors] : lora.pairs) {
    if (weight.ends_with(".attn_k.weight")) lora.add(weight, factors.a_ne[0], factors.b_ne[1], rank_k, seed + 100, 0.1f);
  }
  lora.metadata[fragment::key::kVersion] = uint32_t{1};
  lora.metadata[fragment::key::kName] = name;
  lora.metadata[fragment::key::kRole] = std::string("coder");
  lora.metadata[fragment::key::kRecipe] = std::string("contrast");
  lora.metadata[fragment::key::kBaseName] = base.name();
  lora.metadata[fragment::key::kBaseFingerprint] = base.fingerprint();
  lora.metadata[fragment::key::kStrength] = strength;
  return lora;
}

}  // namespace aicoder::test
