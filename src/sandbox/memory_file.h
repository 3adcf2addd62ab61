// Files in memory: how the host hands bytes to a box without leaving anything on a disk.
#pragma once

#include <string_view>

#include "sandbox/unique_fd.h"

namespace aicoder::box {

/// A memory file with the content, sealed against every change, position 0, closed on exec.
/// \throws Error(kFailedPrecondition), Error(kResourceExhausted) when memory is short.
UniqueFd memory_file(const char* name, std::string_view content, bool executable = false);

}  // namespace aicoder::box
