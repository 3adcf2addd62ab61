#include "fragment/linear_layers.h"

#include <algorithm>
#include <array>

#include "aicoder/core.h"

namespace aicoder::fragment {

bool is_linear_layer(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 7> kKinds = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
  constexpr std::string_view prefix = "blk.", suffix = ".weight";
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return false;
  name.remove_prefix(prefix.size());
  const size_t dot = name.find_first_not_of("0123456789");
  if (dot == 0 || dot == std::string_view::npos || name[dot] != '.') return false;
  name.remove_prefix(dot + 1);
  if (name.size() <= suffix.size()) return false;
  name.remove_suffix(suffix.size());
  return std::find(kKinds.begin(), kKinds.end(), name) != kKinds.end();
}

std::string input_name(std::string_view weight) {
  weight.remove_suffix(std::string_view(".weight").size());
  const size_t dot = weight.rfind('.');
  const std::string_view block = weight.substr(0, dot + 1), kind = weight.substr(dot + 1);
  const std::string_view input = kind == "attn_output"                    ? "attn_out"
                                 : kind == "ffn_down"                     ? "ffn_mid"
                                 : kind == "ffn_gate" || kind == "ffn_up" ? "ffn_in"
                                                                          : "attn_in";
  return std::string(block) + std::string(input);
}

std::vector<const GgufTensor*> linear_layers(const GgufFile& file) {
  std::vector<const GgufTensor*> layers;
  for (const GgufTensor& tensor : file.tensors()) {
    if (is_linear_layer(tensor.name) && tensor.ne.size() == 2) layers.push_back(&tensor);
  }
  if (layers.empty()) {
    throw Error(ErrorCode::kUnimplemented, "[fragment] " + file.path().filename().string() +
                                               ": expected linear layers named blk.N.attn_q.weight and so on, found none");
  }
  return layers;
}

}  // namespace aicoder::fragment
