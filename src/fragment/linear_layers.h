// Which weights fragments are made of: the linear layers of each block, by the tensor names llama.cpp gives them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder::fragment {

/// blk.N.(attn_q|attn_k|attn_v|attn_output|ffn_gate|ffn_up|ffn_down).weight
bool is_linear_layer(std::string_view tensor_name) noexcept;

/// The input that a linear layer reads, shared by attn_q, attn_k and attn_v and by ffn_gate and ffn_up:
/// "blk.3.attn_k.weight" -> "blk.3.attn_in"; the others are blk.N.attn_out, blk.N.ffn_in and blk.N.ffn_mid (of ffn_down).
/// \param weight  a name for which is_linear_layer holds
std::string input_name(std::string_view weight);

/// The matrices of a model file with such a name, in file order. \throws Error(kUnimplemented) when there is none.
std::vector<const GgufTensor*> linear_layers(const GgufFile& file);

}  // namespace aicoder::fragment
