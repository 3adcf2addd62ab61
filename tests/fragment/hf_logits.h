// Logits of the numpy transformer in the order of Hugging Face (hf_forward.py), for tests that compare ours with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "aicoder/adapter.h"
#include "fragment/oracle.h"
#include "support/test_model.h"

namespace aicoder::test {

enum class RowsOfB { kAsInPeft, kAsStored };  ///< kAsStored: wrong on purpose where the family is permuted

/// \param peft  an exported folder; empty: the base alone
inline std::vector<float> hf_logits(const std::filesystem::path& model, const std::filesystem::path& peft, size_t n_layer,
                                    const std::vector<Token>& tokens, RowsOfB rows = RowsOfB::kAsInPeft) {
  const TempDir dir;
  write_raw(dir / "tokens", tokens);
  std::vector<std::string> arguments = {model, peft.empty() ? "-" : peft.string(), dir / "tokens", dir / "logits", std::to_string(n_layer)};
  if (rows == RowsOfB::kAsStored) arguments.emplace_back("as-stored");
  run_script("hf_forward.py", arguments);
  return read_raw<float>(dir / "logits");
}

enum class Attention { kF32, kDefault };

/// \param fragment  empty: the base alone; else at the strength in the file
inline std::vector<float> engine_logits(const std::shared_ptr<const Model>& model, const std::filesystem::path& fragment,
                                        const std::vector<Token>& tokens, Attention attention = Attention::kDefault) {
  Context context(model, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true, .f32_attention = attention == Attention::kF32});
  if (!fragment.empty()) {
    const auto adapter = Adapter::load(model, fragment);
    set_adapters(context, std::vector<ActiveAdapter>{{adapter, adapter->default_strength()}});
  }
  return context.logits(tokens);
}

/// Largest absolute difference; infinity where the lengths disagree.
inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

}  // namespace aicoder::test
