// One transformer layer as ggml graphs: forward, and the explicit backward of it.
//
// Why explicit: ggml's own autodiff makes an OUT_PROD of every weight product, which unpacks quantized rows again for each token, keeps
// every intermediate result, and knows nothing of packing. Here each gradient is a product that runs on the kernels of inference.
#pragma once

#include <vector>

#include "train/base_weights.h"

namespace aicoder::train {

/// Factors of one site on the device: A ne {n_in, rank}, B transposed ne {n_out, rank}.
struct LoraTensors {
  ggml_tensor *a = nullptr, *b = nullptr;
};
using LayerLora = std::array<LoraTensors, kLinearKinds>;

/// What the backward pass needs of the forward pass of one layer; all F32 with one column a token. The products with weights are
/// kept, what is cheap (norms, rotation, attention probabilities, SiLU) is computed again: at 512 tokens of Qwen2.5-0.5B
/// 27 MiB a layer in place of 54.
struct SavedActivations {
  ggml_tensor* input = nullptr;                          ///< {n_embd, T}, the residual stream that enters
  ggml_tensor *q = nullptr, *k = nullptr, *v = nullptr;  ///< before Q/K norm and rotation
  ggml_tensor* attention = nullptr;                      ///< {n_q, T}, input of attn_output
  ggml_tensor* middle = nullptr;                         ///< {n_embd, T}, the residual stream between attention and feed-forward
  ggml_tensor *gate = nullptr, *up = nullptr;
};
/// Declares them in `context`, for n_tokens columns.
SavedActivations declare_saved(ggml_context* context, const Architecture& architecture, int64_t n_tokens);

/// Inputs that all layers share.
struct SharedInputs {
  ggml_tensor* positions = nullptr;  ///< I32 {T}
  ggml_tensor* mask = nullptr;       ///< F32 {T, T}: 0 where row (query) sees column (key), -inf elsewhere
};

struct LinearGradients {
  ggml_tensor *a = nullptr, *b = nullptr, *input = nullptr;
};

class LayerGraph {
 public:
  /// \param n_tokens  columns in use; saved tensors may have more
  LayerGraph(const Architecture& architecture, const LayerWeights& weights, const LayerLora& lora, float scale, const SharedInputs& shared,
             ggml_tensor* rope_factors, int64_t n_tokens);

  /// Reads saved.input and writes the others; the stream that leaves goes into `output`, {n_embd, n_tokens}, which may be the input of
  /// the next layer.
  void build_forward(const SavedActivations& saved, ggml_tensor* output);

  /// Gradients of a loss with respect to the factors and to saved.input, given the one with respect to the layer's output.
  struct Gradients {
    std::array<LoraTensors, kLinearKinds> lora;  ///< same shapes as the factors
    ggml_tensor* output = nullptr;               ///< {n_embd, T}, set before the run
    ggml_tensor* input = nullptr;                ///< {n_embd, T}; none when not asked for
  };
  Gradients build_backward(const SavedActivations& saved, bool need_input);

  ggml_cgraph* graph() const noexcept { return graph_; }

 private:
  ggml_tensor* columns(ggml_tensor* saved) const;
  ggml_tensor* linear(int kind, ggml_tensor* x) const;
  LinearGradients linear_back(int kind, ggml_tensor* x, ggml_tensor* dy, bool need_input) const;
  ggml_tensor* norm(ggml_tensor* x, ggml_tensor* gain) const;
  ggml_tensor* norm_back(ggml_tensor* x, ggml_tensor* gain, ggml_tensor* dy) const;
  ggml_tensor* rotate(ggml_tensor* x, bool back) const;
  /// Q or K as attention takes it: {head_dim, T, n_heads}.
  ggml_tensor* heads(ggml_tensor* x, int64_t n_heads, ggml_tensor* gain) const;
  ggml_tensor* heads_back(ggml_tensor* x, int64_t n_heads, ggml_tensor* gain, ggml_tensor* dy) const;
  ggml_tensor* values(ggml_tensor* v) const;
  ggml_tensor* probabilities(ggml_tensor* q, ggml_tensor* k) const;
  /// Gives the node the memory of a saved tensor, so that it is computed in place there.
  ggml_tensor* keep(ggml_tensor* node, ggml_tensor* saved);

  const Architecture& architecture_;
  const LayerWeights& weights_;
  const LayerLora& lora_;
  float scale_;
  SharedInputs shared_;
  ggml_tensor* rope_factors_;
  int64_t n_tokens_;
  ggml_context_ptr context_;
  ggml_cgraph* graph_ = nullptr;
  ggml_context* c_ = nullptr;
};

}  // namespace aicoder::train
