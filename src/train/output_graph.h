// The end of the network: final norm, output layer, softmax, cross-entropy, for the rows that have a target.
#pragma once

#include <span>
#include <vector>

#include "train/base_weights.h"
#include "train/batch.h"

namespace aicoder::train {

/// Gradients of activations are kept this much larger than they are. Kernels for quantized weights round their other side to blocks
/// of 8 bits with an F16 scale, whose smallest normal value is 6e-5: a probability of 1e-5 would vanish. Those for F16 weights round it to
/// F16, whose largest value is 65504. A power of two, so that nothing is rounded.
inline constexpr float kOutputGradientScale = 16384.0f;

class OutputLayer {
 public:
  OutputLayer(const Architecture& architecture, const BaseWeights& weights, const GgmlDevice& device, size_t n_ctx);

  /// Sum of -log p over the targets. \param stream  F32 {n_embd, T} on the device, the residual stream after the last layer
  /// \param d_stream  [T, n_embd], where not empty: kOutputGradientScale times the gradient of that sum with respect to the stream
  double run(GraphRunner& runner, ggml_tensor* stream, const Batch& batch, std::span<float> d_stream, const std::stop_token& stop);
  size_t memory_bytes() const noexcept { return ggml_backend_buffer_get_size(buffer_.get()); }

 private:
  struct Rows {
    std::vector<int32_t> columns;  ///< of the stream
    std::vector<Token> targets;
  };
  double forward(GraphRunner& runner, ggml_tensor* stream, const Rows& rows);
  void backward(GraphRunner& runner, ggml_tensor* stream, const Rows& rows, std::span<float> d_stream);

  const Architecture& architecture_;
  const BaseWeights& weights_;
  size_t max_rows_;
  ggml_context_ptr context_;
  ggml_tensor* probabilities_ = nullptr;  ///< {n_vocab, max_rows_}; becomes the gradient of the logits
  ggml_backend_buffer_ptr buffer_;
};

}  // namespace aicoder::train
