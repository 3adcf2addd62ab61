// Seeded inputs of the property tests.
#pragma once

#include <random>
#include <vector>

namespace aicoder::test {

inline std::vector<float> normal_values(size_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(engine);
  return values;
}

/// Positive, with a few features far larger than the rest, as the inputs of real layers have.
inline std::vector<float> norm_values(size_t n, uint32_t seed) {
  std::mt19937 engine(seed);
  std::lognormal_distribution<float> lognormal(0.0f, 1.5f);
  std::vector<float> values(n);
  for (float& v : values) v = lognormal(engine);
  return values;
}

}  // namespace aicoder::test
