// Watching the inputs of linear layers through ggml's evaluation callback.
#include <ggml-backend.h>

#include <cstring>

#include "model/context_impl.h"

namespace aicoder {
namespace {

/// "CUDA0#blk.0.attn_k.weight#0" (a copy on another device) -> "blk.0.attn_k.weight"
std::string_view weight_name(const ggml_tensor* weight) {
  std::string_view name(weight->name);
  if (size_t first = name.find('#'); first != std::string_view::npos) {
    name.remove_prefix(first + 1);
    name = name.substr(0, name.find('#'));
  }
  return name;
}

/// A product of activations with a weight of a layer: not attention scores, not a LoRA factor, not the output layer.
bool is_linear_layer(const ggml_tensor* node) {
  if (node->op != GGML_OP_MUL_MAT || node->src[1]->type != GGML_TYPE_F32) return false;
  const std::string_view name = weight_name(node->src[0]);
  return name.starts_with("blk.") && name.ends_with(".weight");
}

/// The last node before the output layer, by the name that llama.cpp gives it in every architecture.
bool is_before_output(const ggml_tensor* node) { return std::string_view(node->name) == "result_norm"; }

}  // namespace

// noexcept in effect: everything is caught and rethrown by decode().
bool Context::Impl::on_eval(ggml_tensor* node, bool ask) {
  if (stop_at_output && is_before_output(node)) return ask;  // computed; then the answer no ends the graph
  if (!observer || observer_error) return !ask;              // not asked for; after an error the rest of the graph runs unseen
  try {
    if (ask) return is_linear_layer(node);
    const ggml_tensor* input = node->src[1];
    const auto n_in = static_cast<size_t>(input->ne[0]);
    const auto n_rows = static_cast<size_t>(input->ne[1] * input->ne[2] * input->ne[3]);
    const size_t row_bytes = n_in * sizeof(float);
    const bool in_place = ggml_backend_buffer_is_host(input->buffer) && ggml_is_contiguous(input);
    const float* rows = static_cast<const float*>(input->data);
    if (!in_place) {
      // A view (a permuted head output) or device memory: gather row by row.
      observed_rows.resize(n_in * n_rows);
      size_t row = 0;
      for (int64_t i3 = 0; i3 < input->ne[3]; ++i3) {
        for (int64_t i2 = 0; i2 < input->ne[2]; ++i2) {
          for (int64_t i1 = 0; i1 < input->ne[1]; ++i1, ++row) {
            const size_t offset =
                static_cast<size_t>(i1) * input->nb[1] + static_cast<size_t>(i2) * input->nb[2] + static_cast<size_t>(i3) * input->nb[3];
            ggml_backend_tensor_get(input, observed_rows.data() + row * n_in, offset, row_bytes);
          }
        }
      }
      rows = observed_rows.data();
    }
    observer(weight_name(node->src[0]), {rows, n_in * n_rows}, n_in);
  } catch (...) {
    observer_error = std::current_exception();
  }
  return true;
}

}  // namespace aicoder
