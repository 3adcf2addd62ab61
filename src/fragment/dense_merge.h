// Merging that looks at single entries: TIES and DARE, on the dense deltas of one weight.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace aicoder::fragment {

/// TIES-Merging (Yadav et al. 2023, arXiv 2306.01708, section 4) of weighted deltas [n]. Trim: the floor(density * n) largest
/// magnitudes of each stay (at least 1; ties by lower index). Elect: the sign of the sum of what stayed. Mean: over the entries of that
/// sign, not counting zeros. The paper trims over the whole model, we per tensor; its lambda is the strength of the result.
/// \param deltas  all of one size; used up
/// \throws Error(kInvalidArgument) for values that are not numbers and a density outside (0, 1].
std::vector<float> ties_merge(std::vector<std::vector<float>>&& deltas, double density);

/// DARE (Yu et al. 2024, arXiv 2311.03099, section 3): each entry becomes 0 with probability `drop`, the others are divided by
/// 1 - drop, so that the expected delta stays. Deterministic for a seed. \param drop  in [0, 1)
void dare_drop(std::span<float> delta, double drop, uint64_t seed);

}  // namespace aicoder::fragment
