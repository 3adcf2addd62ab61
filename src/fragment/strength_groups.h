// A fragment cut into groups of tensors, each with a strength of its own. Private to src/fragment.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// "blk.12.attn" or "blk.12.ffn": what a layer's attention or feed-forward tensors belong to. The name itself for other tensors.
std::string group_of(std::string_view weight);

/// The groups of a fragment file in file order.
std::vector<std::string> strength_groups(const GgufFile& file);

/// Writes the tensors of one group as a LoRA file of its own.
void write_group(const GgufFile& file, const std::string& group, const std::filesystem::path& out);

/// Writes the fragment with each group's lora_b times strengths[group] / strength, and `strength` as the file's own: used at that
/// strength every group has its own. Metadata stays, but for what the caller sets in `writer` beforehand.
void write_scaled(const GgufFile& file, std::span<const std::string> groups, std::span<const double> strengths, float strength,
                  GgufWriter& writer, const std::filesystem::path& out);

}  // namespace aicoder::fragment
