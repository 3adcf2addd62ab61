// How Hugging Face models name and order what a GGUF file holds. Source: convert_hf_to_gguf of llama.cpp (conversion/llama.py, permute).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder::fragment {

/// What of a base decides the order of rows.
struct HfLayout {
  /// The llama architecture turns pairs of neighbours in its rotary embedding where Hugging Face turns halves, so the conversion
  /// reorders the rows of Q and K, head by head. qwen2 and qwen3 turn halves in both.
  bool permuted = false;
  size_t n_head = 0, n_head_kv = 0;
};
/// \throws Error kUnimplemented (a family other than llama, qwen2, qwen3), kDataLoss (head counts missing or not single numbers).
HfLayout hf_layout(const GgufFile& base);

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj"; empty where there is no such linear layer.
std::string hf_module(std::string_view weight);
/// The way back; empty likewise.
std::string gguf_weight(std::string_view module);

/// order[i] is the GGUF row that stands at Hugging Face row i; empty where the orders agree.
/// \throws Error(kDataLoss) when n_out is no whole number of heads of even size.
std::vector<size_t> hf_row_order(const HfLayout& layout, std::string_view weight, size_t n_out);

}  // namespace aicoder::fragment
