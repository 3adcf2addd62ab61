#include "bench/made_fragments.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>

#include "aicoder/core.h"

namespace aicoder {
namespace {

constexpr std::array<std::string_view, 7> kLinear = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

bool is_linear_layer(const GgufTensor& tensor) {
  if (!tensor.name.starts_with("blk.") || tensor.ne.size() != 2) return false;
  return std::any_of(kLinear.begin(), kLinear.end(),
                     [&](std::string_view layer) { return tensor.name.ends_with("." + std::string(layer) + ".weight"); });
}

/// F16 values of either sign with sizes from 2^-6 to 2^-5: with rank 16 a change of some percent of a usual weight, never a subnormal.
std::vector<uint16_t> random_halves(size_t n, std::mt19937& random) {
  constexpr uint16_t kExponent = (15 - 6) << 10;
  std::vector<uint16_t> values(n);
  for (auto& value : values) {
    const auto bits = static_cast<uint32_t>(random());
    value = static_cast<uint16_t>((bits & 0x8000u) | kExponent | (bits & 0x3ffu));
  }
  return values;
}

}  // namespace

ScratchDir::ScratchDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "aicoder-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw Error(ErrorCode::kPermissionDenied,
                "[bench] cannot make a folder in " + std::filesystem::temp_directory_path().string() + ": " + std::strerror(errno),
                "set TMPDIR to a folder that can be written");
  }
  path_ = pattern;
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void make_random_fragment(const GgufFile& base, size_t rank, uint32_t seed, const std::filesystem::path& out) {
  std::mt19937 random(seed);
  GgufWriter writer;
  writer.set("general.type", std::string("adapter"));
  writer.set("general.architecture", base.get_string("general.architecture").value_or(""));
  writer.set("adapter.type", std::string("lora"));
  writer.set("adapter.lora.alpha", 0.0f);   // the scale is the strength
  std::vector<std::vector<uint16_t>> kept;  // the writer borrows
  for (const auto& tensor : base.tensors()) {
    if (!is_linear_layer(tensor)) continue;
    const auto add = [&](const char* suffix, std::vector<uint64_t> ne) {
      kept.push_back(random_halves(ne[0] * ne[1], random));
      writer.add_tensor(tensor.name + suffix, GgufType::kF16, std::move(ne), std::as_bytes(std::span(kept.back())));
    };
    const uint64_t n_rank = std::min<uint64_t>({rank, tensor.ne[0], tensor.ne[1]});
    add(".lora_a", {tensor.ne[0], n_rank});
    add(".lora_b", {n_rank, tensor.ne[1]});
  }
  if (kept.empty()) {
    throw Error(ErrorCode::kUnimplemented, "[bench] " + base.path().string() + " has no linear layers of the names that are known here",
                "give fragments with -f");
  }
  writer.write(out);
}

std::vector<std::filesystem::path> fill_up_fragments(const std::vector<std::filesystem::path>& given, size_t n, const GgufFile& base,
                                                     const std::filesystem::path& dir) {
  if (given.size() > n) {
    throw Error(ErrorCode::kInvalidArgument,
                "[bench] " + std::to_string(given.size()) + " fragments, expected at most " + std::to_string(n));
  }
  auto files = given;
  for (const auto& file : files) {
    if (!std::filesystem::is_regular_file(file))
      throw Error(ErrorCode::kNotFound, "[bench] no fragment at " + file.string(), "aicoder fragment list");
  }
  while (files.size() < n) {
    files.push_back(dir / ("made-" + std::to_string(files.size()) + ".gguf"));
    make_random_fragment(base, kMadeRank, static_cast<uint32_t>(files.size()), files.back());
  }
  return files;
}

}  // namespace aicoder
