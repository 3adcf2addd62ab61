// The factors of a LoRA GGUF, pair by pair, and their values as bytes of a type.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/fragment.h"
#include "aicoder/gguf.h"

namespace aicoder::fragment {

/// delta = scale * b * a at strength 1.
struct LoraPair {
  std::string name;  ///< of the base weight
  const GgufTensor* a = nullptr;
  const GgufTensor* b = nullptr;
  size_t n_in = 0, n_out = 0, rank = 0;
  double scale = 1;  ///< alpha / rank as llama.cpp computes it; 1 where alpha is 0
};

/// In file order. Tensors of norms, which llama.cpp ignores too, are left out with a warning in the log.
/// \throws Error kInvalidArgument (no LoRA), kDataLoss (half a pair, ranks that disagree, no matrices), kUnimplemented (factors of an
/// embedding or of experts, a type other than F32, F16, BF16, Q8_0, an activated LoRA, control vectors); the message begins with `place`.
std::vector<LoraPair> lora_pairs(const GgufFile& file, const std::string& place);

/// All values of a tensor as F32. \throws Error(kDataLoss) where one is not finite.
std::vector<float> tensor_values(const GgufFile& file, const GgufTensor& tensor);

/// Of F32, F16 or BF16 bytes. \throws Error(kDataLoss) naming `name` where a value is not finite.
std::vector<float> unpack(std::span<const std::byte> bytes, GgufType type, const std::string& name);
/// Into F32 or F16, the latter rounded.
std::vector<std::byte> pack(std::span<const float> values, GgufType type);

/// One weight of `total` is done; nothing where nobody listens.
void report_weights(const ProgressFn& progress, std::string_view stage, size_t done, size_t total);

/// \throws Error(kInvalidArgument) unless it is letters, digits, '.', '_' and '-'.
void check_fragment_name(const std::string& name, const std::string& place);
/// \throws Error(kFailedPrecondition) where the file exists and may not be replaced.
void check_free(const std::filesystem::path& out, bool force, const std::string& place);

}  // namespace aicoder::fragment
