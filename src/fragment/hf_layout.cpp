#include "fragment/hf_layout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "aicoder/core.h"
#include "fragment/linear_layers.h"

namespace aicoder::fragment {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kModules = {{
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};
constexpr std::string_view kBlock = "blk.", kWeight = ".weight", kLayers = "model.layers.";

/// "12.rest" -> {"12", "rest"}; empty parts where it is no such thing.
std::pair<std::string_view, std::string_view> split_number(std::string_view text) {
  const size_t dot = text.find_first_not_of("0123456789");
  // A leading zero would make two names of one layer.
  if (dot == 0 || dot == std::string_view::npos || text[dot] != '.' || dot > 6 || (text[0] == '0' && dot > 1)) return {};
  return {text.substr(0, dot), text.substr(dot + 1)};
}

}  // namespace

HfLayout hf_layout(const GgufFile& base) {
  const std::string architecture = base.get_string("general.architecture").value_or("");
  if (architecture != "llama" && architecture != "qwen2" && architecture != "qwen3") {
    throw Error(ErrorCode::kUnimplemented, "[peft] " + base.path().filename().string() +
                                               ": PEFT folders are known for llama, qwen2 and qwen3, the base is '" + architecture + "'");
  }
  HfLayout layout{.permuted = architecture == "llama"};
  const auto n_head = base.get_int(architecture + ".attention.head_count");
  const auto n_head_kv = base.get_int(architecture + ".attention.head_count_kv");
  if (!n_head || *n_head <= 0 || (n_head_kv && *n_head_kv <= 0)) {
    throw Error(ErrorCode::kDataLoss, "[peft] " + base.path().filename().string() + ": expected " + architecture + ".attention.head_count");
  }
  layout.n_head = static_cast<size_t>(*n_head);
  layout.n_head_kv = static_cast<size_t>(n_head_kv.value_or(*n_head));
  return layout;
}

std::string hf_module(std::string_view weight) {
  if (!is_linear_layer(weight)) return {};
  weight.remove_prefix(kBlock.size());
  weight.remove_suffix(kWeight.size());
  const auto [layer, kind] = split_number(weight);
  for (const auto& [ours, theirs] : kModules) {
    if (ours == kind) return std::string(kLayers) + std::string(layer) + "." + std::string(theirs);
  }
  return {};
}

std::string gguf_weight(std::string_view module) {
  if (!module.starts_with(kLayers)) return {};
  const auto [layer, kind] = split_number(module.substr(kLayers.size()));
  for (const auto& [ours, theirs] : kModules) {
    if (theirs == kind) return std::string(kBlock) + std::string(layer) + "." + std::string(ours) + std::string(kWeight);
  }
  return {};
}

std::vector<size_t> hf_row_order(const HfLayout& layout, std::string_view weight, size_t n_out) {
  const bool q = weight.ends_with(".attn_q.weight"), k = weight.ends_with(".attn_k.weight");
  if (!layout.permuted || (!q && !k)) return {};
  const size_t heads = q ? layout.n_head : layout.n_head_kv;
  if (heads == 0 || n_out % heads != 0 || n_out / heads % 2 != 0) {
    throw Error(ErrorCode::kDataLoss, "[peft] " + std::string(weight) + ": " + std::to_string(n_out) + " rows are no whole number of " +
                                          std::to_string(heads) + " heads of even size");
  }
  const size_t head = n_out / heads, half = head / 2;
  std::vector<size_t> order(n_out);
  for (size_t i = 0; i < n_out; ++i) {
    const size_t within = i % head;
    order[i] = i - within + within % half * 2 + within / half;
  }
  return order;
}

}  // namespace aicoder::fragment
