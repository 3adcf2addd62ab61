// Watching the inputs of linear layers, and the residual stream, through ggml's evaluation callback.
#include <ggml-backend.h>

#include <charconv>
#include <cstring>
#include <optional>

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

/// The layer whose output this node is: llama.cpp names it "l_out-3" in every family that takes control vectors.
std::optional<size_t> layer_output(const ggml_tensor* node) {
  constexpr std::string_view kPrefix = "l_out-";
  const std::string_view name(node->name);
  if (!name.starts_with(kPrefix) || node->type != GGML_TYPE_F32) return std::nullopt;
  size_t layer = 0;
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return layer;
}

/// The last node before the output layer, by the name that llama.cpp gives it in every architecture.
bool is_before_output(const ggml_tensor* node) { return std::string_view(node->name) == "result_norm"; }

}  // namespace

std::span<const float> Context::Impl::rows_of(const ggml_tensor* tensor) {
  const auto n_values = static_cast<size_t>(ggml_nelements(tensor));
  if (ggml_backend_buffer_is_host(tensor->buffer) && ggml_is_contiguous(tensor)) return {static_cast<const float*>(tensor->data), n_values};
  // A view (a permuted head output) or device memory: gather row by row.
  const auto width = static_cast<size_t>(tensor->ne[0]);
  observed_rows.resize(n_values);
  size_t row = 0;
  for (int64_t i3 = 0; i3 < tensor->ne[3]; ++i3) {
    for (int64_t i2 = 0; i2 < tensor->ne[2]; ++i2) {
      for (int64_t i1 = 0; i1 < tensor->ne[1]; ++i1, ++row) {
        const size_t offset =
            static_cast<size_t>(i1) * tensor->nb[1] + static_cast<size_t>(i2) * tensor->nb[2] + static_cast<size_t>(i3) * tensor->nb[3];
        ggml_backend_tensor_get(tensor, observed_rows.data() + row * width, offset, width * sizeof(float));
      }
    }
  }
  return observed_rows;
}

// noexcept in effect: everything is caught and rethrown by decode().
bool Context::Impl::on_eval(ggml_tensor* node, bool ask) {
  if (stop_at_output && is_before_output(node)) return ask;  // computed; then the answer no ends the graph
  // Not asked for when nobody looks; after an error the rest of the graph runs unseen.
  if ((!observer && !residual_observer) || observer_error) return !ask;
  try {
    const bool linear = observer && is_linear_layer(node);
    const auto layer = residual_observer ? layer_output(node) : std::nullopt;
    if (ask) return linear || layer.has_value();
    if (linear) observer(weight_name(node->src[0]), rows_of(node->src[1]), static_cast<size_t>(node->src[1]->ne[0]));
    if (layer) residual_observer(*layer, rows_of(node), static_cast<size_t>(node->ne[0]));
  } catch (...) {
    observer_error = std::current_exception();
  }
  return true;
}

}  // namespace aicoder
