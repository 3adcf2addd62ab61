// Small statistics for tests that need no model.
#pragma once

#include "aicoder/fragment.h"
#include "fragment/seeded_values.h"

namespace aicoder::test {

inline ActivationStats small_stats(uint32_t seed, const std::string& base = "base-1") {
  ActivationStats stats{.dataset_hashes = {"hash" + std::to_string(seed)}, .base_fingerprint = base, .tokens = uint64_t{10} * seed};
  for (const char* name : {"blk.0.attn_q.weight", "blk.1.ffn_down.weight"}) {
    LayerStats& layer = stats.layers[name];
    for (const float v : norm_values(6, seed)) layer.sum_squares.push_back(static_cast<double>(v));
    layer.tokens = uint64_t{10} * seed;
    layer.max_abs = static_cast<float>(seed);
  }
  return stats;
}

/// The same with second moments of both inputs, in sketches of 4 rows.
inline ActivationStats small_stats_with_sketches(uint32_t seed) {
  ActivationStats stats = small_stats(seed);
  for (const char* name : {"blk.0.attn_in", "blk.1.ffn_mid"}) {
    InputSketch& sketch = stats.sketches[name];
    sketch = {.n_in = 6, .size = 4, .rows = {}};
    sketch.append(normal_values(size_t{60} * seed, seed));
    sketch.compress();
  }
  return stats;
}

}  // namespace aicoder::test
