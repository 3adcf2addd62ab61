// Loss and gradients of a LoRA over a frozen base: runs the graphs of all layers forward and back.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "aicoder/core.h"
#include "train/batch.h"
#include "train/lora_parameters.h"

namespace aicoder::train {

/// What the backward pass computes again.
enum class Recompute {
  kCheap,  ///< norms, rotations, attention probabilities: the products with weights are kept, per layer
  kFull    ///< the whole forward pass of each layer; keeps only what enters it (Chen et al. 2016, arXiv 1604.06174, one segment a layer)
};

struct EngineOptions {
  size_t n_ctx = 512;  ///< columns of the largest batch
  int n_threads = 1;
  bool gpu = false;
  Recompute recompute = Recompute::kCheap;
  ProgressFn progress;
  std::stop_token stop;
};

/// Not thread-safe. Deterministic: same parameters and batch, same bits, on one machine and number of threads.
class GradientEngine {
 public:
  /// \throws Error as read_architecture, BaseWeights.
  GradientEngine(const GgufFile& file, const LoraLayout& layout, const EngineOptions& options);
  ~GradientEngine();

  /// \param parameters  all of the layout's
  void set_parameters(std::span<const float> parameters);

  /// Sum of -log p over the batch's trained targets.
  /// \throws Error kInvalidArgument (more columns than n_ctx, tokens outside the vocabulary), kCancelled.
  double loss(const Batch& batch, const std::stop_token& stop = {});
  /// As loss(), and adds the gradient of that sum to `gradient`.
  double loss_and_gradient(const Batch& batch, std::span<float> gradient, const std::stop_token& stop = {});

  const Architecture& architecture() const noexcept;
  /// Of weights, saved activations, factors and scratch, as allocated so far.
  size_t memory_bytes() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aicoder::train
