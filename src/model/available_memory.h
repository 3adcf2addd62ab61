// How much memory a large allocation may hope for. Private to src/model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace aicoder {

/// MemAvailable of /proc/meminfo, cut by the memory limit of the cgroup (its use is not subtracted: most of it may be page cache).
/// Linux hands out more than there is and kills the process later, so what is clearly too much is refused before.
std::optional<uint64_t> available_memory_bytes(const std::filesystem::path& meminfo = "/proc/meminfo",
                                               const std::filesystem::path& membership = "/proc/self/cgroup",
                                               const std::filesystem::path& mount = "/sys/fs/cgroup");

}  // namespace aicoder
