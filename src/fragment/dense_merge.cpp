#include "fragment/dense_merge.h"

#include <cmath>

#include "aicoder/fragment.h"
#include "fragment/seeded_random.h"

namespace aicoder::fragment {

std::vector<float> ties_merge(std::vector<std::vector<float>>&& deltas, double density) {
  if (deltas.empty()) return {};
  const size_t n = deltas.front().size();
  std::vector<float> elected(n), magnitude(n);
  for (auto& delta : deltas) {
    for (size_t i = 0; i < n; ++i) magnitude[i] = std::abs(delta[i]);
    const std::vector<bool> kept = top_mask(magnitude, n, density);
    for (size_t i = 0; i < n; ++i) {
      if (!kept[i]) delta[i] = 0;
      elected[i] += delta[i];
    }
  }
  std::vector<float> merged(n);
  for (size_t i = 0; i < n; ++i) {
    float sum = 0;
    int count = 0;
    for (const auto& delta : deltas) {
      const bool agrees = (delta[i] > 0 && elected[i] > 0) || (delta[i] < 0 && elected[i] < 0);
      sum += agrees ? delta[i] : 0;
      count += agrees ? 1 : 0;
    }
    merged[i] = count > 0 ? sum / static_cast<float>(count) : 0;
  }
  deltas.clear();
  return merged;
}

void dare_drop(std::span<float> delta, double drop, uint64_t seed) {
  SeededRandom random(seed);
  const auto scale = static_cast<float>(1 / (1 - drop));
  for (float& v : delta) v = static_cast<double>(random.uniform()) < drop ? 0 : v * scale;
}

}  // namespace aicoder::fragment
