#include <algorithm>
#include <cmath>
#include <string>

#include "aicoder/fragment.h"

namespace aicoder {

std::vector<float> LayerStats::norms() const {
  std::vector<float> result(sum_squares.size());
  std::transform(sum_squares.begin(), sum_squares.end(), result.begin(), [](double s) { return static_cast<float>(std::sqrt(s)); });
  return result;
}

void ActivationStats::merge(const ActivationStats& other) {
  const auto refuse = [](const std::string& message) { throw Error(ErrorCode::kInvalidArgument, "[stats_merge] " + message); };
  if (!base_fingerprint.empty() && !other.base_fingerprint.empty() && base_fingerprint != other.base_fingerprint) {
    refuse("expected statistics of base " + base_fingerprint.substr(0, 12) + ", found " + other.base_fingerprint.substr(0, 12));
  }
  if (!layers.empty() && !other.layers.empty()) {
    for (const auto& [name, theirs] : other.layers) {
      const auto mine = layers.find(name);
      if (mine == layers.end()) refuse("layer " + name + " is in the second statistics only");
      if (mine->second.sum_squares.size() != theirs.sum_squares.size()) {
        refuse("layer " + name + ": expected " + std::to_string(mine->second.sum_squares.size()) + " inputs, found " +
               std::to_string(theirs.sum_squares.size()));
      }
    }
    for (const auto& [name, mine] : layers) {
      if (!other.layers.contains(name)) refuse("layer " + name + " is in the first statistics only");
    }
    for (const auto& [name, theirs] : other.sketches) {
      const auto mine = sketches.find(name);
      if (mine == sketches.end()) refuse("second moments of " + name + " are in the second statistics only");
      if (mine->second.n_in != theirs.n_in || mine->second.size != theirs.size) {
        refuse("second moments of " + name + ": expected " + std::to_string(mine->second.size) + " rows of " +
               std::to_string(mine->second.n_in) + ", found " + std::to_string(theirs.size) + " of " + std::to_string(theirs.n_in));
      }
    }
    for (const auto& [name, mine] : sketches) {
      if (!other.sketches.contains(name)) refuse("second moments of " + name + " are in the first statistics only");
    }
  }
  for (const auto& [name, theirs] : other.layers) {
    LayerStats& mine = layers[name];
    // Known only when every part knows its own.
    const bool max_known = (mine.tokens == 0 || mine.max_abs > 0) && (theirs.tokens == 0 || theirs.max_abs > 0);
    mine.max_abs = max_known ? std::max(mine.max_abs, theirs.max_abs) : 0;
    mine.sum_squares.resize(theirs.sum_squares.size());
    for (size_t j = 0; j < theirs.sum_squares.size(); ++j) mine.sum_squares[j] += theirs.sum_squares[j];
    mine.tokens += theirs.tokens;
  }
  for (const auto& [name, theirs] : other.sketches) {
    const auto [mine, added] = sketches.try_emplace(name, theirs);
    if (!added) mine->second.merge(theirs);
  }
  if (base_fingerprint.empty()) base_fingerprint = other.base_fingerprint;
  dataset_hashes.insert(dataset_hashes.end(), other.dataset_hashes.begin(), other.dataset_hashes.end());
  tokens += other.tokens;
}

}  // namespace aicoder
