// Minimizing a noisy function with its values alone: no gradient anywhere. Private to src/fragment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace aicoder::fragment {

/// The value at x. Calls with the same `batch` see the same random data, so that their difference is not noise of the data.
using NoisyFunction = std::function<double(std::span<const double> x, uint64_t batch)>;

struct ForwardSearchOptions {
  size_t iterations = 60;
  double low = -1, high = 1;  ///< bounds of every coordinate
  double spread = 0.05;       ///< of the first perturbations
  uint64_t seed = 0;
  std::function<void(size_t iteration, double value)> on_iteration;  ///< may throw to stop
};

/// Simultaneous perturbation: two values an iteration, whatever the dimension; the mean of the last third of the iterates.
/// The gain is chosen so that the first steps move a coordinate by about half of `spread`. Source: Spall 1998, "Implementation of the
/// simultaneous perturbation algorithm", IEEE TAES 34(3), sections III and IV (exponents 0.602 and 0.101, stability constant).
std::vector<double> spsa(const NoisyFunction& f, std::vector<double> start, const ForwardSearchOptions& options);

/// Covariance matrix adaptation with a diagonal matrix: 4 + 3 ln(n) values an iteration; the mean of the last distribution.
/// Source: Ros and Hansen 2008, "A simple modification in CMA-ES achieving linear time and space complexity", sections 2 and 3.
std::vector<double> separable_cma_es(const NoisyFunction& f, std::vector<double> start, const ForwardSearchOptions& options);

}  // namespace aicoder::fragment
