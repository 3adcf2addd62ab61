#include "train/batch.h"

#include <algorithm>

namespace aicoder::train {

size_t Example::n_trained() const noexcept {
  return trained.empty() ? 0 : static_cast<size_t>(std::count(trained.begin() + 1, trained.end(), uint8_t{1}));
}

Batch make_batch(std::span<const Example* const> examples, size_t multiple) {
  Batch batch;
  int32_t segment = 0;
  for (const Example* example : examples) {
    const size_t n = example->tokens.size();
    if (n == 0 || example->trained.size() != n)
      throw Error(ErrorCode::kInvalidArgument, "[train] an example has no tokens, or no mask for them");
    for (size_t i = 0; i < n; ++i) {
      batch.tokens.push_back(example->tokens[i]);
      batch.positions.push_back(static_cast<int32_t>(i));
      batch.segments.push_back(segment);
      batch.targets.push_back(i + 1 < n && example->trained[i + 1] != 0 ? example->tokens[i + 1] : -1);
    }
    batch.n_trained += example->n_trained();
    ++segment;
  }
  batch.n_tokens = batch.tokens.size();
  if (batch.n_tokens == 0) throw Error(ErrorCode::kInvalidArgument, "[train] a batch of no tokens");
  const size_t padded = (batch.n_tokens + multiple - 1) / multiple * multiple;
  batch.tokens.resize(padded, 0);
  batch.positions.resize(padded, 0);
  batch.segments.resize(padded, -1);
  batch.targets.resize(padded, -1);
  return batch;
}

}  // namespace aicoder::train
