// N-grams of words and their counts.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::text {

using Ngrams = std::map<std::vector<std::string>, uint64_t>;
/// Of orders 1 to max_order.
Ngrams count_ngrams(const std::vector<std::string>& words, size_t max_order);

/// \throws Error(kInvalidArgument) for no segments, sizes that disagree, a segment without reference.
void check_segments(std::string_view place, std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references);

}  // namespace aicoder::text
