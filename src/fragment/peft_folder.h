// A PEFT adapter folder on disk: two files that appear together or not at all.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "fragment/safetensors.h"

namespace aicoder::fragment {

inline constexpr char kPeftConfig[] = "adapter_config.json", kPeftWeights[] = "adapter_model.safetensors";

/// \throws Error kFailedPrecondition (a PEFT folder is there and `force` is not set), kInvalidArgument (a file, or a folder that holds
/// anything else: it is never replaced). An empty folder is free.
void check_peft_target(const std::filesystem::path& dir, bool force);
/// Written beside the target and renamed; an older folder is swapped out. \throws as check_peft_target and write_file_atomic.
void write_peft_folder(const std::filesystem::path& dir, const std::string& config, std::span<const SafeSource> tensors,
                       const std::map<std::string, std::string>& metadata, bool force);

}  // namespace aicoder::fragment
