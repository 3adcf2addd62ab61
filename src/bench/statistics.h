// Summaries of a few repeated measurements.
#pragma once

#include <vector>

#include "aicoder/bench.h"

namespace aicoder {

/// Mean of the two in the middle for an even count; 0 for none.
double median(std::vector<double> values);
/// Of a[i] / b[i]. Both of one size, b without zeros.
RatioSummary summarize_ratios(const std::vector<double>& a, const std::vector<double>& b);
/// The smallest value that a share `q` (0..1) of the values does not pass; 0 for none.
double quantile(std::vector<double> values, double q);
Quantiles quantiles(const std::vector<double>& values);
/// Median and its percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13): 2,000 resamples, fixed seed.
Interval interval(const std::vector<double>& values);

}  // namespace aicoder
