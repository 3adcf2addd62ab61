// The frozen base on the device: each weight as the file holds it, for the forward pass, and transposed, for the backward pass.
#pragma once

#include <array>
#include <vector>

#include "aicoder/core.h"
#include "train/architecture.h"
#include "train/ggml_device.h"
#include "train/lora_parameters.h"

namespace aicoder::train {

struct Linear {
  ggml_tensor* weight = nullptr;      ///< ne {n_in, n_out}, the file's type
  ggml_tensor* transposed = nullptr;  ///< ne {n_out, n_in}
  ggml_tensor* bias = nullptr;        ///< F32 {n_out}, or none
};
struct LayerWeights {
  std::array<Linear, kLinearKinds> linear;
  ggml_tensor *attn_norm = nullptr, *ffn_norm = nullptr;
  ggml_tensor *q_norm = nullptr, *k_norm = nullptr;  ///< qwen3
};

/// dX = W^T dY needs rows of W^T. ggml's own product with a transposed quantized matrix (OUT_PROD) unpacks every row for every token;
/// a transposed copy made once runs on the same kernels as the forward pass. Its type: Q8_0 for quantized weights (8.5 bits a
/// value; the rounding is 0.4 % of the largest of 32 values, below that of the base's own type), the type of the weight for F32 and F16,
/// F16 for BF16 and where rows are no whole number of blocks.
class BaseWeights {
 public:
  /// Reads, transposes and copies everything to the device; `file` is not needed afterwards.
  /// \throws Error kResourceExhausted, kCancelled, kUnimplemented (a type without a dequantizer).
  BaseWeights(const GgufFile& file, const Architecture& architecture, const GgmlDevice& device, int n_threads, const ProgressFn& progress,
              const std::stop_token& stop);

  std::vector<LayerWeights> layers;
  Linear output;
  ggml_tensor* output_norm = nullptr;
  ggml_tensor* rope_factors = nullptr;
  size_t bytes = 0;

 private:
  std::vector<ggml_context_ptr> contexts_;
  std::vector<ggml_backend_buffer_ptr> buffers_;
};

}  // namespace aicoder::train
