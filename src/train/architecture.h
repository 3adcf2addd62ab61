// What a base model is, read from its GGUF file: the shape that the training graph is built from.
#pragma once

#include <cstdint>
#include <string>

#include "aicoder/gguf.h"

namespace aicoder::train {

/// Of the llama, qwen2 and qwen3 families: RMSNorm, rotary positions, grouped-query attention, SwiGLU.
struct Architecture {
  std::string family;
  int64_t n_embd = 0, n_layer = 0, n_head = 0, n_head_kv = 0, n_ff = 0, n_vocab = 0;
  int64_t head_dim = 0;  ///< of Q, K and V; all of it is rotated
  float rms_eps = 0;
  float rope_base = 0, rope_scale = 1;  ///< rope_scale: the inverse of the linear scaling factor
  /// Pairs of a rotation are (i, i + head_dim / 2) and not (2 i, 2 i + 1). llama files are stored with their Q and K rows permuted to
  /// the latter.
  bool rope_halves = false;
  bool qk_norm = false;          ///< qwen3: each head of Q and K has an RMSNorm before it is rotated
  bool tied_embeddings = false;  ///< the output layer is token_embd.weight
  bool rope_factors = false;     ///< rope_freqs.weight divides the frequencies (Llama 3)
  size_t n_ctx_train = 0;

  int64_t n_q() const noexcept { return n_head * head_dim; }
  int64_t n_kv() const noexcept { return n_head_kv * head_dim; }
};

/// Checks every tensor's name and shape too, because ggml aborts on a wrong one.
/// \throws Error kUnimplemented (another family, experts, YaRN, a tensor that this graph does not know), kDataLoss (missing or of another
/// shape).
Architecture read_architecture(const GgufFile& file);

}  // namespace aicoder::train
