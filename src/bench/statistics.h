// Summaries of a few repeated measurements.
#pragma once

#include <vector>

#include "aicoder/bench.h"

namespace aicoder {

/// Mean of the two in the middle for an even count; 0 for none.
double median(std::vector<double> values);
/// Of a[i] / b[i]. Both of one size, b without zeros.
RatioSummary summarize_ratios(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace aicoder
