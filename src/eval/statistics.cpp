#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "aicoder/eval.h"

namespace aicoder {
namespace {

constexpr double kZ975 = 1.959963984540054;  // 97.5 % point of the normal distribution

/// By bisection of the distribution function: exact to rounding, and called a few times a run.
double normal_quantile(double probability) {
  double low = -10, high = 10;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < probability ? low : high) = middle;
  }
  return high;
}

void check_power(double power) {
  if (!(power >= 0.5 && power < 1)) {
    throw Error(ErrorCode::kInvalidArgument, "[power] expected a power of at least 0.5 and below 1, found " + std::to_string(power));
  }
}

double log_choose(size_t n, size_t k) {
  const auto lgamma_1 = [](size_t x) { return std::lgamma(static_cast<double>(x) + 1.0); };
  return lgamma_1(n) - lgamma_1(k) - lgamma_1(n - k);
}

// Lemire's multiply-shift without the rejection step: its bias for n < 2^20 is below 2^-40, and unlike
// std::uniform_int_distribution it gives the same numbers with every standard library.
size_t bounded(std::mt19937_64& engine, size_t n) { return static_cast<size_t>(((engine() >> 32) * static_cast<uint64_t>(n)) >> 32); }

// Linear interpolation between order statistics (Hyndman and Fan type 7).
double quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// From 0 on; equal values share their mean rank.
std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end - 1) / 2;
  }
  return ranks;
}

double pearson(std::span<const double> x, std::span<const double> y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n, mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace

double spearman(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[spearman] expected as many x as y, found " + std::to_string(x.size()) + " and " + std::to_string(y.size()));
  }
  for (const auto side : {x, y}) {
    if (!std::all_of(side.begin(), side.end(), [](double v) { return std::isfinite(v); }))
      throw Error(ErrorCode::kInvalidArgument, "[spearman] a value is not finite");
  }
  return x.empty() ? 0 : pearson(ranks_of(x), ranks_of(y));
}

Correlation correlate(std::span<const double> x, std::span<const double> y) {
  constexpr size_t kDraws = 10'000;
  Correlation result{.n = x.size(), .rho = spearman(x, y)};
  if (x.size() < 2) return result;
  std::mt19937_64 engine(1);
  std::vector<double> drawn_x(x.size()), drawn_y(y.size()), rhos(kDraws);
  for (double& rho : rhos) {
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t pick = bounded(engine, x.size());
      drawn_x[i] = x[pick];
      drawn_y[i] = y[pick];
    }
    rho = pearson(ranks_of(drawn_x), ranks_of(drawn_y));
  }
  std::sort(rhos.begin(), rhos.end());
  result.ci95 = {quantile(rhos, 0.025), quantile(rhos, 0.975)};
  const std::vector<double> ranks_x = ranks_of(x);
  std::vector<double> ranks_y = ranks_of(y);
  size_t as_far = 1;  // the order that was found is one of them
  for (size_t draw = 0; draw < kDraws; ++draw) {
    for (size_t i = ranks_y.size(); i > 1; --i) std::swap(ranks_y[i - 1], ranks_y[bounded(engine, i)]);
    // Rounding must not make a tie with the observed value a miss.
    if (std::fabs(pearson(ranks_x, ranks_y)) >= std::fabs(result.rho) - 1e-12) ++as_far;
  }
  result.p_value = static_cast<double>(as_far) / static_cast<double>(kDraws + 1);
  return result;
}

std::array<double, 2> wilson_interval(size_t passed, size_t n) {
  if (passed > n) {
    throw Error(ErrorCode::kInvalidArgument, "[wilson] passed is " + std::to_string(passed) + " of " + std::to_string(n));
  }
  if (n == 0) return {0.0, 1.0};
  constexpr double z = kZ975;
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(passed) / count;
  const double denominator = 1.0 + z * z / count;
  const double centre = (p + z * z / (2.0 * count)) / denominator;
  const double half = z / denominator * std::sqrt(p * (1.0 - p) / count + z * z / (4.0 * count * count));
  // At 0 and n of n the bound is exactly 0 or 1; rounding would leave 1e-17.
  return {passed == 0 ? 0.0 : std::max(0.0, centre - half), passed == n ? 1.0 : std::min(1.0, centre + half)};
}

double mcnemar_exact(size_t only_a, size_t only_b) {
  const size_t n = only_a + only_b;
  if (only_a == only_b) return 1.0;
  // Sum of binomial(n, 1/2) up to the smaller count, in logs: 2^-n underflows beyond a thousand pairs.
  double tail = 0.0;
  for (size_t k = 0; k <= std::min(only_a, only_b); ++k) {
    tail += std::exp(log_choose(n, k) - static_cast<double>(n) * std::log(2.0));
  }
  return std::min(1.0, 2.0 * tail);
}

size_t paired_sample_size(double effect, double discordant, double power) {
  check_power(power);
  if (!(effect > 0 && effect <= discordant && discordant <= 1)) {
    throw Error(ErrorCode::kInvalidArgument, "[power] expected 0 < effect <= discordant <= 1, found effect " + std::to_string(effect) +
                                                 ", discordant " + std::to_string(discordant));
  }
  const double root = kZ975 * std::sqrt(discordant) + normal_quantile(power) * std::sqrt(discordant - effect * effect);
  return static_cast<size_t>(std::ceil(root * root / (effect * effect)));
}

double detectable_effect(size_t n, double discordant, double power) {
  check_power(power);
  if (!(discordant > 0 && discordant <= 1)) {
    throw Error(ErrorCode::kInvalidArgument, "[power] expected 0 < discordant <= 1, found " + std::to_string(discordant));
  }
  if (n == 0 || paired_sample_size(discordant, discordant, power) > n) return 1;
  double low = 0, high = discordant;  // the sample size falls as the effect grows
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (paired_sample_size(middle, discordant, power) > n ? low : high) = middle;
  }
  return high;
}

double pass_at_k(size_t n, size_t c, size_t k) {
  if (k == 0 || k > n || c > n) {
    throw Error(ErrorCode::kInvalidArgument, "[pass@k] expected 1 <= k <= n and c <= n, found n " + std::to_string(n) + ", c " +
                                                 std::to_string(c) + ", k " + std::to_string(k));
  }
  if (n - c < k) return 1.0;
  double all_wrong = 1.0;  // C(n-c, k) / C(n, k) as a product, which neither overflows nor cancels
  for (size_t i = n - c + 1; i <= n; ++i) all_wrong *= 1.0 - static_cast<double>(k) / static_cast<double>(i);
  return 1.0 - all_wrong;
}

std::array<double, 2> paired_bootstrap_interval(std::span<const int> differences, size_t n_resamples, uint64_t seed) {
  if (differences.empty() || n_resamples == 0) return {0.0, 0.0};
  std::mt19937_64 engine(seed);
  std::vector<double> means(n_resamples);
  for (double& mean : means) {
    int64_t sum = 0;
    for (size_t i = 0; i < differences.size(); ++i) sum += differences[bounded(engine, differences.size())];
    mean = static_cast<double>(sum) / static_cast<double>(differences.size());
  }
  std::sort(means.begin(), means.end());
  return {quantile(means, 0.025), quantile(means, 0.975)};
}

std::array<double, 2> paired_ratio_interval(std::span<const double> off, std::span<const double> on, size_t n_resamples, uint64_t seed) {
  if (off.size() != on.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[ratio] expected as many windows on as off, found " + std::to_string(on.size()) + " and " + std::to_string(off.size()));
  }
  if (off.empty() || n_resamples == 0) return {0.0, 0.0};
  std::mt19937_64 engine(seed);
  std::vector<double> ratios(n_resamples);
  for (double& ratio : ratios) {
    double sum_off = 0, sum_on = 0;
    for (size_t i = 0; i < off.size(); ++i) {
      const size_t pick = bounded(engine, off.size());
      sum_off += off[pick];
      sum_on += on[pick];
    }
    ratio = sum_off > 0 ? sum_on / sum_off - 1 : 0;
  }
  std::sort(ratios.begin(), ratios.end());
  return {quantile(ratios, 0.025), quantile(ratios, 0.975)};
}

}  // namespace aicoder
