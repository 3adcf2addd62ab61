#pragma once

#include <span>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder::eval {

/// Mean KL(base || candidate) in nats a token of each candidate, on the first `max_tokens` tokens of the guard; 0 where that is empty.
/// \throws Error(kCancelled), and as LocalGenerator::lane.
std::vector<double> guard_kl(LocalGenerator& generator, std::span<const FragmentChoice> candidates, std::span<const TextRecord> guard,
                             size_t max_tokens, const std::stop_token& stop);

}  // namespace aicoder::eval
