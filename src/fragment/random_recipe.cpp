#include "fragment/recipe.h"
#include "fragment/seeded_random.h"

namespace aicoder::fragment {

/// Control: as many weights per row as the others keep, drawn at random. Each row has a seed of its own, so the mask does not
/// depend on how the rows are handed out.
std::vector<bool> random_mask(const LayerView& layer, std::span<const float> rows, size_t first_row) {
  std::vector<float> score(rows.size());
  for (size_t row = 0; row < rows.size() / layer.n_in; ++row) {
    SeededRandom random(SeededRandom(layer.seed + first_row + row).next());
    for (size_t j = 0; j < layer.n_in; ++j) score[row * layer.n_in + j] = random.uniform();
  }
  return top_mask(score, layer.n_in, layer.keep);
}

}  // namespace aicoder::fragment
