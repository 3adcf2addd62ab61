// The in-place form of weighted_low_rank: a large matrix is not held twice.
#pragma once

#include <stop_token>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// As weighted_low_rank; `delta` is overwritten. \throws also Error(kCancelled), checked between products.
LowRank weighted_low_rank_in_place(std::span<float> delta, size_t n_out, size_t n_in, std::span<const float> act_norm, size_t rank,
                                   uint64_t seed, int n_power, const std::stop_token& stop);

}  // namespace aicoder::fragment
