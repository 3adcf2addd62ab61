#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace aicoder {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

RatioSummary summarize_ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
  if (ratios.empty()) return {};
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  return {.median = median(ratios), .min = *low, .max = *high};
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

Quantiles quantiles(const std::vector<double>& values) {
  return {.p50 = quantile(values, 0.5), .p99 = quantile(values, 0.99), .n = values.size()};
}

Interval interval(const std::vector<double>& values) {
  constexpr size_t kResamples = 2000;
  Interval out{.median = median(values)};
  if (values.empty()) return out;
  std::mt19937 random(20260101);
  std::vector<double> medians, again(values.size());
  for (size_t i = 0; i < kResamples; ++i) {
    for (double& value : again) value = values[random() % values.size()];
    medians.push_back(median(again));
  }
  out.low = quantile(medians, 0.025);
  out.high = quantile(medians, 0.975);
  return out;
}

}  // namespace aicoder
