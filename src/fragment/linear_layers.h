// Which weights fragments are made of: the linear layers of each block, by the tensor names llama.cpp gives them.
#pragma once

#include <string_view>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder::fragment {

/// blk.N.(attn_q|attn_k|attn_v|attn_output|ffn_gate|ffn_up|ffn_down).weight
bool is_linear_layer(std::string_view tensor_name) noexcept;

/// The matrices of a model file with such a name, in file order. \throws Error(kUnimplemented) when there is none.
std::vector<const GgufTensor*> linear_layers(const GgufFile& file);

}  // namespace aicoder::fragment
