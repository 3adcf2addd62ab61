// Text records as tokens with a mask of what is to be learned, and the order in which they are read.
#pragma once

#include <vector>

#include "aicoder/train.h"
#include "train/batch.h"

namespace aicoder::train {

/// Tokens of one record. Of a conversation, what the assistant says is trained, with the token that ends its turn; of a text, all of it.
/// \throws Error(kUnimplemented) where the chat template writes an earlier turn otherwise when more follows, so that no part
/// of the text is known to be the assistant's.
Example tokenize_example(const Model& model, const TextRecord& record);

struct ExampleSet {
  std::vector<Example> examples;
  size_t cut = 0;      ///< longer than n_ctx
  size_t dropped = 0;  ///< nothing to train on was left
  size_t tokens() const noexcept;
};
/// A longer text becomes windows of n_ctx, each without what is before; a longer conversation loses its end. One that then trains on
/// nothing is left out.
ExampleSet tokenize_examples(const Model& model, std::span<const TextRecord> records, size_t n_ctx, const ProgressFn& progress,
                             const std::stop_token& stop);

/// One pass: these examples side by side.
Batch pack(const std::vector<Example>& examples, const std::vector<size_t>& members);

/// Which examples each pass reads. Same inputs and seed, same plan on every machine.
struct Plan {
  std::vector<std::vector<size_t>> passes;  ///< indices of examples that are packed together
};
struct PlanSource {
  size_t first = 0, n = 0;  ///< of the examples
  double weight = 1;
};
/// Each epoch takes weight * n examples of each source in an order of its own; then they are packed in that order, each into the
/// first of the last few open passes that has room.
Plan make_plan(std::span<const Example> examples, std::span<const PlanSource> sources, double epochs, size_t n_ctx, uint64_t seed);

}  // namespace aicoder::train
