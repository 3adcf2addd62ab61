// A fragment takes its place, and can give it back.
#pragma once

#include <filesystem>

namespace aicoder::learning {

/// Copies `fragment` to `out`; what stood there becomes OUT.replaced (an empty file where there was none), which roll_back() reads.
void deploy(const std::filesystem::path& fragment, const std::filesystem::path& out);

}  // namespace aicoder::learning
