#include "train/layer_graph.h"

#include <cmath>

namespace aicoder::train {
namespace {

constexpr size_t kMaxNodes = 512;

/// {a, b, c} -> {b, a, c}, stored row by row again.
ggml_tensor* transpose(ggml_context* c, ggml_tensor* x) { return ggml_cont(c, ggml_transpose(c, x)); }

}  // namespace

SavedActivations declare_saved(ggml_context* context, const Architecture& a, int64_t n_tokens) {
  const auto make = [&](int64_t rows) { return ggml_new_tensor_2d(context, GGML_TYPE_F32, rows, n_tokens); };
  return {.input = make(a.n_embd),
          .q = make(a.n_q()),
          .k = make(a.n_kv()),
          .v = make(a.n_kv()),
          .attention = make(a.n_q()),
          .middle = make(a.n_embd),
          .gate = make(a.n_ff),
          .up = make(a.n_ff)};
}

LayerGraph::LayerGraph(const Architecture& architecture, const LayerWeights& weights, const LayerLora& lora, float scale,
                       const SharedInputs& shared, ggml_tensor* rope_factors, int64_t n_tokens)
    : architecture_(architecture),
      weights_(weights),
      lora_(lora),
      scale_(scale),
      shared_(shared),
      rope_factors_(rope_factors),
      n_tokens_(n_tokens),
      context_(make_context(kMaxNodes)),
      c_(context_.get()) {
  graph_ = ggml_new_graph_custom(c_, kMaxNodes, false);
}

ggml_tensor* LayerGraph::columns(ggml_tensor* saved) const {
  return saved->ne[1] == n_tokens_ ? saved : ggml_view_2d(c_, saved, saved->ne[0], n_tokens_, saved->nb[1], 0);
}

ggml_tensor* LayerGraph::keep(ggml_tensor* node, ggml_tensor* saved) {
  ggml_backend_tensor_alloc(saved->buffer, node, saved->data);
  ggml_build_forward_expand(graph_, node);
  return node;
}

ggml_tensor* LayerGraph::linear(int kind, ggml_tensor* x) const {
  const Linear& layer = weights_.linear[static_cast<size_t>(kind)];
  const LoraTensors& lora = lora_[static_cast<size_t>(kind)];
  ggml_tensor* y = ggml_mul_mat(c_, layer.weight, x);
  // B (A x) as a sum over ranks of whole columns of B: a dot product of `rank` terms would be too short for the vector units.
  ggml_tensor* low = ggml_scale(c_, ggml_mul_mat(c_, lora.a, x), scale_);  // {rank, T}
  y = ggml_add(c_, y, ggml_out_prod(c_, lora.b, ggml_transpose(c_, low)));
  return layer.bias == nullptr ? y : ggml_add(c_, y, layer.bias);
}

LinearGradients LayerGraph::linear_back(int kind, ggml_tensor* x, ggml_tensor* dy, bool need_input) const {
  const Linear& layer = weights_.linear[static_cast<size_t>(kind)];
  const LoraTensors& lora = lora_[static_cast<size_t>(kind)];
  // With u = A x and y = W x + s B u:  dB = s dy u^T,  du = s B^T dy,  dA = du x^T,  dx = W^T dy + A^T du.
  ggml_tensor* low = ggml_scale(c_, ggml_mul_mat(c_, lora.a, x), scale_);
  ggml_tensor* d_low = ggml_scale(c_, ggml_mul_mat(c_, lora.b, dy), scale_);  // {rank, T}
  LinearGradients gradients;
  gradients.b = ggml_out_prod(c_, dy, low);
  gradients.a = ggml_out_prod(c_, x, d_low);
  if (need_input) {
    gradients.input = ggml_add(c_, ggml_mul_mat(c_, layer.transposed, dy), ggml_out_prod(c_, lora.a, ggml_transpose(c_, d_low)));
  }
  return gradients;
}

ggml_tensor* LayerGraph::norm(ggml_tensor* x, ggml_tensor* gain) const {
  return ggml_mul(c_, ggml_rms_norm(c_, x, architecture_.rms_eps), gain);
}

ggml_tensor* LayerGraph::norm_back(ggml_tensor* x, ggml_tensor* gain, ggml_tensor* dy) const {
  return ggml_rms_norm_back(c_, ggml_mul(c_, dy, gain), x, architecture_.rms_eps);
}

ggml_tensor* LayerGraph::rotate(ggml_tensor* x, bool back) const {
  const Architecture& a = architecture_;
  const int mode = a.rope_halves ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL;
  const auto op = back ? ggml_rope_ext_back : ggml_rope_ext;
  return op(c_, x, shared_.positions, rope_factors_, static_cast<int>(a.head_dim), mode, static_cast<int>(a.n_ctx_train), a.rope_base,
            a.rope_scale, 0.0f, 1.0f, 32.0f, 1.0f);
}

ggml_tensor* LayerGraph::heads(ggml_tensor* x, int64_t n_heads, ggml_tensor* gain) const {
  x = ggml_reshape_3d(c_, columns(x), architecture_.head_dim, n_heads, n_tokens_);
  if (gain != nullptr) x = norm(x, gain);
  return ggml_cont(c_, ggml_permute(c_, rotate(x, false), 0, 2, 1, 3));
}

ggml_tensor* LayerGraph::heads_back(ggml_tensor* x, int64_t n_heads, ggml_tensor* gain, ggml_tensor* dy) const {
  dy = rotate(ggml_cont(c_, ggml_permute(c_, dy, 0, 2, 1, 3)), true);
  if (gain != nullptr) dy = norm_back(ggml_reshape_3d(c_, columns(x), architecture_.head_dim, n_heads, n_tokens_), gain, dy);
  return ggml_reshape_2d(c_, dy, architecture_.head_dim * n_heads, n_tokens_);
}

ggml_tensor* LayerGraph::values(ggml_tensor* v) const {
  v = ggml_reshape_3d(c_, columns(v), architecture_.head_dim, architecture_.n_head_kv, n_tokens_);
  return ggml_cont(c_, ggml_permute(c_, v, 0, 2, 1, 3));  // {head_dim, T, n_head_kv}
}

ggml_tensor* LayerGraph::probabilities(ggml_tensor* q, ggml_tensor* k) const {
  ggml_tensor* scores = ggml_mul_mat(c_, k, q);  // {T keys, T queries, n_head}
  return ggml_soft_max_ext(c_, scores, shared_.mask, 1.0f / std::sqrt(static_cast<float>(architecture_.head_dim)), 0.0f);
}

void LayerGraph::build_forward(const SavedActivations& saved, ggml_tensor* output) {
  const Architecture& a = architecture_;
  ggml_tensor* input = columns(saved.input);
  ggml_tensor* normed = norm(input, weights_.attn_norm);
  ggml_tensor* q = keep(linear(kQ, normed), saved.q);
  ggml_tensor* k = keep(linear(kK, normed), saved.k);
  ggml_tensor* v = keep(linear(kV, normed), saved.v);

  ggml_tensor* p = probabilities(heads(q, a.n_head, weights_.q_norm), heads(k, a.n_head_kv, weights_.k_norm));
  ggml_tensor* mixed = ggml_mul_mat(c_, transpose(c_, values(v)), p);  // {head_dim, T, n_head}
  ggml_tensor* attention = keep(ggml_cont_2d(c_, ggml_permute(c_, mixed, 0, 2, 1, 3), a.n_q(), n_tokens_), saved.attention);
  ggml_tensor* middle = keep(ggml_add(c_, linear(kO, attention), input), saved.middle);

  ggml_tensor* ffn = norm(middle, weights_.ffn_norm);
  ggml_tensor* gate = keep(linear(kGate, ffn), saved.gate);
  ggml_tensor* up = keep(linear(kUp, ffn), saved.up);
  ggml_tensor* active = ggml_mul(c_, ggml_silu(c_, gate), up);
  keep(ggml_add(c_, linear(kDown, active), middle), output);
}

LayerGraph::Gradients LayerGraph::build_backward(const SavedActivations& saved, bool need_input) {
  const Architecture& a = architecture_;
  const int64_t group = a.n_head / a.n_head_kv;
  Gradients result;
  result.output = ggml_new_tensor_2d(c_, GGML_TYPE_F32, a.n_embd, n_tokens_);
  ggml_set_input(result.output);
  const auto out = [&](int kind, const LinearGradients& g) {
    for (ggml_tensor* tensor : {g.a, g.b}) {
      ggml_set_output(tensor);
      ggml_build_forward_expand(graph_, tensor);
    }
    result.lora[static_cast<size_t>(kind)] = {g.a, g.b};
    return g.input;
  };

  // Feed-forward: out = middle + down(silu(gate) * up).
  ggml_tensor *middle = columns(saved.middle), *gate = columns(saved.gate), *up = columns(saved.up);
  ggml_tensor* silu = ggml_silu(c_, gate);
  ggml_tensor* d_active = out(kDown, linear_back(kDown, ggml_mul(c_, silu, up), result.output, true));
  ggml_tensor* ffn = norm(middle, weights_.ffn_norm);
  ggml_tensor* d_gate = ggml_silu_back(c_, ggml_mul(c_, d_active, up), gate);
  ggml_tensor* d_ffn = out(kUp, linear_back(kUp, ffn, ggml_mul(c_, d_active, silu), true));
  d_ffn = ggml_add(c_, d_ffn, out(kGate, linear_back(kGate, ffn, d_gate, true)));
  ggml_tensor* d_middle = ggml_add(c_, norm_back(middle, weights_.ffn_norm, d_ffn), result.output);

  // Attention: middle = input + o(P V), P = softmax(K^T Q / sqrt(head_dim) + mask).
  ggml_tensor* d_attention = out(kO, linear_back(kO, columns(saved.attention), d_middle, true));
  d_attention = ggml_cont(c_, ggml_permute(c_, ggml_reshape_3d(c_, d_attention, a.head_dim, a.n_head, n_tokens_), 0, 2, 1, 3));
  ggml_tensor *q = heads(saved.q, a.n_head, weights_.q_norm), *k = heads(saved.k, a.n_head_kv, weights_.k_norm), *v = values(saved.v);
  ggml_tensor* p = probabilities(q, k);
  ggml_tensor* d_p = ggml_mul_mat(c_, v, d_attention);  // {T keys, T queries, n_head}
  ggml_tensor* d_scores = ggml_soft_max_ext_back(c_, d_p, p, 1.0f / std::sqrt(static_cast<float>(a.head_dim)), 0.0f);
  ggml_tensor* d_q = ggml_mul_mat(c_, transpose(c_, k), d_scores);
  // The queries of a group stand beside each other, so that the sum over the group is part of the product.
  const auto grouped = [&](ggml_tensor* x) { return ggml_reshape_3d(c_, x, x->ne[0], n_tokens_ * group, a.n_head_kv); };
  ggml_tensor* d_k = ggml_mul_mat(c_, transpose(c_, grouped(q)), transpose(c_, grouped(d_scores)));
  ggml_tensor* d_v = ggml_mul_mat(c_, transpose(c_, grouped(d_attention)), transpose(c_, grouped(p)));
  d_q = heads_back(saved.q, a.n_head, weights_.q_norm, d_q);
  d_k = heads_back(saved.k, a.n_head_kv, weights_.k_norm, d_k);
  d_v = ggml_cont_2d(c_, ggml_permute(c_, d_v, 0, 2, 1, 3), a.n_kv(), n_tokens_);

  ggml_tensor* input = columns(saved.input);
  ggml_tensor* normed = norm(input, weights_.attn_norm);
  ggml_tensor* d_normed_q = out(kQ, linear_back(kQ, normed, d_q, need_input));
  ggml_tensor* d_normed_k = out(kK, linear_back(kK, normed, d_k, need_input));
  ggml_tensor* d_normed_v = out(kV, linear_back(kV, normed, d_v, need_input));
  if (need_input) {
    ggml_tensor* d_normed = ggml_add(c_, ggml_add(c_, d_normed_q, d_normed_k), d_normed_v);
    result.input = ggml_add(c_, norm_back(input, weights_.attn_norm, d_normed), d_middle);
    ggml_set_output(result.input);
    ggml_build_forward_expand(graph_, result.input);
  }
  return result;
}

}  // namespace aicoder::train
