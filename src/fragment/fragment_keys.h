// The metadata keys of a fragment file, in one place for its writer and its reader. Meaning: docs/formats/fragment.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

inline constexpr uint32_t kFormatVersion = 1;

namespace key {
inline constexpr char kVersion[] = "aicoder.version";
inline constexpr char kName[] = "aicoder.name";
inline constexpr char kRole[] = "aicoder.role";
inline constexpr char kRecipe[] = "aicoder.recipe";
inline constexpr char kBaseName[] = "aicoder.base.name";
inline constexpr char kBaseFingerprint[] = "aicoder.base.fingerprint";
inline constexpr char kKeep[] = "aicoder.keep";
inline constexpr char kRank[] = "aicoder.rank";
inline constexpr char kSeed[] = "aicoder.seed";
inline constexpr char kStrength[] = "aicoder.strength";
inline constexpr char kInvocation[] = "aicoder.invocation";
inline constexpr char kPromptPrefix[] = "aicoder.prompt.prefix";
inline constexpr char kLanguage[] = "aicoder.gate.language";
inline constexpr char kTemperature[] = "aicoder.sampler.temperature";
inline constexpr char kTopK[] = "aicoder.sampler.top_k";
inline constexpr char kTopP[] = "aicoder.sampler.top_p";
inline constexpr char kMinP[] = "aicoder.sampler.min_p";
inline constexpr char kRepeatPenalty[] = "aicoder.sampler.repeat_penalty";
inline constexpr char kCalibrationHashes[] = "aicoder.calibration.hashes";
inline constexpr char kGeneralHashes[] = "aicoder.general.hashes";
inline constexpr char kDonorName[] = "aicoder.donor.name";
inline constexpr char kDonorHash[] = "aicoder.donor.sha256";
inline constexpr char kPrompt[] = "aicoder.distill.prompt";
inline constexpr char kPairTokens[] = "aicoder.distill.tokens";
inline constexpr char kRidge[] = "aicoder.distill.ridge";
inline constexpr char kVector[] = "aicoder.cvec.";  // and the layer
inline constexpr char kVectorLayers[] = "aicoder.steer.layers";
inline constexpr char kVectorRelative[] = "aicoder.steer.relative";
inline constexpr char kVectorShared[] = "aicoder.steer.shared";
inline constexpr char kSteerPrompt[] = "aicoder.steer.prompt";
inline constexpr char kSteerAgainst[] = "aicoder.steer.against";
inline constexpr char kSteerTokens[] = "aicoder.steer.tokens";
inline constexpr char kTensorNames[] = "aicoder.tensor.names";
inline constexpr char kTensorEnergy[] = "aicoder.tensor.retained_energy";
inline constexpr char kSearchGroups[] = "aicoder.search.groups";
inline constexpr char kSearchStrengths[] = "aicoder.search.strengths";
inline constexpr char kSearchMethod[] = "aicoder.search.method";
inline constexpr char kImportHash[] = "aicoder.import.hash";
inline constexpr char kMergeNames[] = "aicoder.merge.names";
inline constexpr char kMergeWeights[] = "aicoder.merge.weights";
inline constexpr char kMergeHashes[] = "aicoder.merge.hashes";
inline constexpr char kMergeDensity[] = "aicoder.merge.density";
inline constexpr char kMergeDrop[] = "aicoder.merge.drop";
inline constexpr char kEvidenceSuite[] = "aicoder.evidence.suite";
inline constexpr char kEvidenceN[] = "aicoder.evidence.n";
inline constexpr char kEvidenceOff[] = "aicoder.evidence.score_off";
inline constexpr char kEvidenceOn[] = "aicoder.evidence.score_on";
inline constexpr char kEvidenceP[] = "aicoder.evidence.p_value";
inline constexpr char kEvidenceStrength[] = "aicoder.evidence.strength";
}  // namespace key

inline constexpr std::string_view kLoraA = ".lora_a", kLoraB = ".lora_b";

/// What every fragment file says of itself; also the keys by which llama.cpp takes it as a LoRA.
struct FragmentHead {
  std::string architecture, name, role, recipe, base_name, base_fingerprint;
  double keep = 0;  ///< 0: no mask was made
  size_t rank = 0;
  uint64_t seed = 0;
};
void set_head(GgufWriter& writer, const FragmentHead& head, std::span<const FragmentTensor> tensors);
/// Sets the keys that update_fragment may change. \throws Error(kInvalidArgument) for values that are not finite.
void set_strength_and_evidence(GgufWriter& writer, float strength, std::span<const Evidence> evidence);
/// Only what differs from the default is written. \throws Error(kInvalidArgument) for values out of their range.
void set_settings(GgufWriter& writer, const FragmentSettings& settings);

}  // namespace aicoder::fragment
