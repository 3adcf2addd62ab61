#include "fragment/forward_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fragment/seeded_random.h"

namespace aicoder::fragment {
namespace {

void clamp_all(std::vector<double>& x, const ForwardSearchOptions& o) {
  for (double& v : x) v = std::clamp(v, o.low, o.high);
}

}  // namespace

std::vector<double> spsa(const NoisyFunction& f, std::vector<double> start, const ForwardSearchOptions& options) {
  constexpr double kAlpha = 0.602, kGamma = 0.101;
  const size_t n = start.size();
  if (n == 0 || options.iterations == 0) return start;
  SeededRandom random(options.seed);
  const double stability = 0.1 * static_cast<double>(options.iterations);
  const size_t first_averaged = options.iterations - std::max<size_t>(1, options.iterations / 3);
  std::vector<double> x = std::move(start), mean(n, 0.0), direction(n), plus(n), minus(n);
  clamp_all(x, options);
  double gain = 0;
  for (size_t k = 0; k < options.iterations; ++k) {
    const double c = options.spread / std::pow(static_cast<double>(k + 1), kGamma);
    for (size_t i = 0; i < n; ++i) {
      direction[i] = (random.next() >> 63) != 0 ? 1.0 : -1.0;
      plus[i] = x[i] + c * direction[i];
      minus[i] = x[i] - c * direction[i];
    }
    clamp_all(plus, options);
    clamp_all(minus, options);
    const double high = f(plus, k), low = f(minus, k);
    const double slope = (high - low) / (2 * c);
    // The size of a first step is known only when the size of a slope is.
    if (gain == 0 && slope != 0) gain = 0.5 * options.spread * std::pow(stability + 1, kAlpha) / std::fabs(slope);
    const double a = gain / std::pow(stability + static_cast<double>(k) + 1, kAlpha);
    // One misleading batch must not throw everything to a bound.
    const double step = std::clamp(a * slope, -options.spread, options.spread);
    for (size_t i = 0; i < n; ++i) x[i] -= step * direction[i];
    clamp_all(x, options);
    if (k >= first_averaged) {
      for (size_t i = 0; i < n; ++i) mean[i] += x[i] / static_cast<double>(options.iterations - first_averaged);
    }
    if (options.on_iteration) options.on_iteration(k, (high + low) / 2);
  }
  return mean;
}

std::vector<double> separable_cma_es(const NoisyFunction& f, std::vector<double> start, const ForwardSearchOptions& options) {
  const size_t n = start.size();
  if (n == 0 || options.iterations == 0) return start;
  const auto dimension = static_cast<double>(n);
  const size_t population = 4 + static_cast<size_t>(3 * std::log(dimension)), parents = population / 2;
  std::vector<double> weights(parents);
  for (size_t i = 0; i < parents; ++i)
    weights[i] = std::log(static_cast<double>(population + 1) / 2) - std::log(static_cast<double>(i + 1));
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double squares = 0;
  for (double& w : weights) w /= total, squares += w * w;
  const double effective = 1 / squares;  // parents that count

  const double c_sigma = (effective + 2) / (dimension + effective + 5);
  const double d_sigma = 1 + 2 * std::max(0.0, std::sqrt((effective - 1) / (dimension + 1)) - 1) + c_sigma;
  const double c_path = (4 + effective / dimension) / (dimension + 4 + 2 * effective / dimension);
  const double c_one = 2 / ((dimension + 1.3) * (dimension + 1.3) + effective);
  const double c_mu = std::min(1 - c_one, 2 * (effective - 2 + 1 / effective) / ((dimension + 2) * (dimension + 2) + effective));
  // A diagonal has n numbers to learn, not n^2 / 2: it may learn (n + 2) / 3 times as fast.
  const double faster = (dimension + 2) / 3;
  const double rate_one = std::min(1.0, faster * c_one), rate_mu = std::min(1 - rate_one, faster * c_mu);
  const double expected_norm = std::sqrt(dimension) * (1 - 1 / (4 * dimension) + 1 / (21 * dimension * dimension));

  SeededRandom random(options.seed);
  std::vector<double> mean = std::move(start), variance(n, 1.0), path_sigma(n, 0.0), path(n, 0.0);
  clamp_all(mean, options);
  double sigma = options.spread;
  struct Individual {
    std::vector<double> z, x;
    double value;
  };
  std::vector<Individual> people(population);
  for (size_t k = 0; k < options.iterations; ++k) {
    for (auto& person : people) {
      person.z.resize(n);
      person.x.resize(n);
      for (size_t i = 0; i < n; ++i) {
        person.z[i] = static_cast<double>(random.normal());
        person.x[i] = std::clamp(mean[i] + sigma * std::sqrt(variance[i]) * person.z[i], options.low, options.high);
        // What was cut off at a bound did not happen.
        person.z[i] = (person.x[i] - mean[i]) / (sigma * std::sqrt(variance[i]));
      }
      person.value = f(person.x, k);
    }
    std::stable_sort(people.begin(), people.end(), [](const Individual& a, const Individual& b) { return a.value < b.value; });
    double norm = 0;
    std::vector<double> z(n, 0.0), z_squared(n, 0.0);
    for (size_t p = 0; p < parents; ++p) {
      for (size_t i = 0; i < n; ++i) {
        z[i] += weights[p] * people[p].z[i];
        z_squared[i] += weights[p] * people[p].z[i] * people[p].z[i];
      }
    }
    for (size_t i = 0; i < n; ++i) {
      mean[i] += sigma * std::sqrt(variance[i]) * z[i];
      path_sigma[i] = (1 - c_sigma) * path_sigma[i] + std::sqrt(c_sigma * (2 - c_sigma) * effective) * z[i];
      norm += path_sigma[i] * path_sigma[i];
    }
    clamp_all(mean, options);
    norm = std::sqrt(norm);
    // Held back while the step length is still growing fast, or the path would blow up the variance.
    const bool steady =
        norm / std::sqrt(1 - std::pow(1 - c_sigma, 2 * static_cast<double>(k + 1))) < (1.4 + 2 / (dimension + 1)) * expected_norm;
    for (size_t i = 0; i < n; ++i) {
      path[i] = (1 - c_path) * path[i] + (steady ? std::sqrt(c_path * (2 - c_path) * effective) * z[i] * std::sqrt(variance[i]) : 0);
      variance[i] = (1 - rate_one - rate_mu) * variance[i] + rate_one * path[i] * path[i] + rate_mu * variance[i] * z_squared[i];
    }
    sigma *= std::exp(c_sigma / d_sigma * (norm / expected_norm - 1));
    if (options.on_iteration) options.on_iteration(k, people.front().value);
  }
  return mean;
}

}  // namespace aicoder::fragment
