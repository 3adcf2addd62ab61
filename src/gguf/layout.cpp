#include "gguf/layout.h"

#include <fmt/format.h>

#include "aicoder/core.h"

namespace aicoder::gguf {

std::optional<uint64_t> tensor_bytes(uint32_t type, const std::vector<uint64_t>& ne, std::string& problem) {
  const auto info = gguf_type_info(type);
  if (!info) {
    problem = fmt::format("tensor type {} is unknown to this build", type);
    return std::nullopt;
  }
  if (ne.empty() || ne.size() > kMaxDims) {
    problem = fmt::format("{} dimensions, expected 1 to {}", ne.size(), kMaxDims);
    return std::nullopt;
  }
  uint64_t values = 1;
  for (uint64_t n : ne) {
    // ggml holds sizes as int64_t and aborts on tensors without values.
    if (n == 0 || n > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / values) {
      problem = fmt::format("shape {} is {}", shape_text(ne), n == 0 ? "empty" : "too large");
      return std::nullopt;
    }
    values *= n;
  }
  if (ne[0] % info->block_values != 0) {
    problem = fmt::format("rows of {} values are not a multiple of the {} values of a {} block", ne[0], info->block_values, info->name);
    return std::nullopt;
  }
  const uint64_t blocks = values / info->block_values;
  if (blocks > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / info->block_bytes) {
    problem = fmt::format("shape {} is too large", shape_text(ne));
    return std::nullopt;
  }
  return blocks * info->block_bytes;
}

std::string printable(std::string_view text) {
  constexpr size_t kLimit = 64;
  std::string shown = to_valid_utf8(text.substr(0, kLimit));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() > kLimit) shown += "...";
  return shown;
}

std::string shape_text(const std::vector<uint64_t>& ne) { return fmt::format("[{}]", fmt::join(ne, ", ")); }

}  // namespace aicoder::gguf
