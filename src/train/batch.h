// What one pass over the training graph reads: tokens of several examples side by side.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aicoder/model.h"

namespace aicoder::train {

/// Columns of a pass, all vectors of one length. Attention sees only tokens of its own segment (block-diagonal) and before it (causal).
struct Batch {
  std::vector<Token> tokens;
  std::vector<int32_t> positions;  ///< from 0 in each segment
  std::vector<int32_t> segments;   ///< -1: padding, which sees only itself
  std::vector<Token> targets;      ///< the token to predict from this column; -1: no loss here
  size_t n_trained = 0;            ///< targets that are not -1
  size_t n_tokens = 0;             ///< columns that are not padding
};

/// Tokens of one example and which of them are to be predicted: tokens[i] counts where trained[i]. trained[0] says nothing: it has no
/// context.
struct Example {
  std::vector<Token> tokens;
  std::vector<uint8_t> trained;
  size_t n_trained() const noexcept;
};

/// The examples one after another, padded to a multiple of `multiple` columns.
/// \throws Error(kInvalidArgument) for an empty list or vectors that disagree.
Batch make_batch(std::span<const Example* const> examples, size_t multiple = 32);

}  // namespace aicoder::train
