#include "train/lora_parameters.h"

#include <algorithm>
#include <cmath>

#include "aicoder/core.h"
#include "train/random.h"

namespace aicoder::train {

const char* linear_name(int kind) noexcept {
  static constexpr std::array<const char*, kLinearKinds> kNames = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                                                   "ffn_gate", "ffn_up", "ffn_down"};
  return kNames[static_cast<size_t>(kind)];
}

LoraLayout make_lora_layout(const Architecture& architecture, size_t rank, float alpha) {
  if (rank == 0 || rank > 4096) {
    throw Error(ErrorCode::kInvalidArgument, "[train] rank: expected 1 to 4096, found " + std::to_string(rank), "--rank 16");
  }
  if (!std::isfinite(alpha) || alpha <= 0)
    throw Error(ErrorCode::kInvalidArgument, "[train] alpha: expected a positive number", "--alpha 32");
  LoraLayout layout{.rank = static_cast<int64_t>(rank), .scale = alpha / static_cast<float>(rank)};
  const Architecture& a = architecture;
  const std::array<std::array<int64_t, 2>, kLinearKinds> shapes = {{{a.n_embd, a.n_q()},
                                                                    {a.n_embd, a.n_kv()},
                                                                    {a.n_embd, a.n_kv()},
                                                                    {a.n_q(), a.n_embd},
                                                                    {a.n_embd, a.n_ff},
                                                                    {a.n_embd, a.n_ff},
                                                                    {a.n_ff, a.n_embd}}};
  for (int64_t layer = 0; layer < a.n_layer; ++layer) {
    for (int kind = 0; kind < kLinearKinds; ++kind) {
      const auto [n_in, n_out] = shapes[static_cast<size_t>(kind)];
      LoraSite site{.weight = "blk." + std::to_string(layer) + "." + linear_name(kind) + ".weight", .n_in = n_in, .n_out = n_out};
      site.rank = std::min({layout.rank, n_in, n_out});
      site.a = layout.n_parameters;
      site.b = site.a + site.a_size();
      layout.n_parameters = site.b + site.b_size();
      layout.sites.push_back(std::move(site));
    }
  }
  return layout;
}

std::vector<float> initial_parameters(const LoraLayout& layout, uint64_t seed) {
  std::vector<float> parameters(layout.n_parameters, 0.0f);
  Random random(seed);
  for (const LoraSite& site : layout.sites) {
    const float bound = std::sqrt(3.0f / static_cast<float>(site.n_in));
    for (size_t i = 0; i < site.a_size(); ++i) parameters[site.a + i] = (2 * random.unit() - 1) * bound;
  }
  return parameters;
}

}  // namespace aicoder::train
