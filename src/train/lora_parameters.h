// The trained numbers: factors A and B for each linear layer of a base, on the host.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "train/architecture.h"

namespace aicoder::train {

/// The linear layers of a transformer layer, in the order in which sites are numbered.
enum LinearKind { kQ, kK, kV, kO, kGate, kUp, kDown, kLinearKinds };
/// "attn_q" and so on.
const char* linear_name(int kind) noexcept;

/// Where a LoRA sits: y = W x + scale * B (A x).
struct LoraSite {
  std::string weight;  ///< "blk.0.attn_q.weight"
  int64_t n_in = 0, n_out = 0, rank = 0;
  size_t a = 0, b = 0;  ///< where its factors begin in the flat vector of all parameters
  size_t a_size() const noexcept { return static_cast<size_t>(n_in * rank); }
  size_t b_size() const noexcept { return static_cast<size_t>(n_out * rank); }
};

/// All sites and one flat vector of parameters, so that the optimizer, the regularizers and checkpoints see only numbers.
/// A is stored [rank, n_in]. B is stored transposed, [rank, n_out]: both gradients then come out of one kind of product.
struct LoraLayout {
  std::vector<LoraSite> sites;  ///< kLinearKinds per layer, layer by layer
  size_t n_parameters = 0;
  int64_t rank = 0;
  float scale = 1;  ///< alpha / rank

  const LoraSite& site(int64_t layer, int kind) const { return sites[static_cast<size_t>(layer * kLinearKinds + kind)]; }
};
/// The rank of a site is at most its smaller side. \throws Error(kInvalidArgument) for rank 0 or an alpha that is not finite and positive.
LoraLayout make_lora_layout(const Architecture& architecture, size_t rank, float alpha);

/// A: uniform in +-sqrt(3 / n_in), so that A x has the size of x (He et al. 2015 with gain 1); B: 0, so that training begins at the base
/// (Hu et al. 2021, arXiv 2106.09685, section 4.1). Same seed, same numbers on every machine.
std::vector<float> initial_parameters(const LoraLayout& layout, uint64_t seed);

}  // namespace aicoder::train
