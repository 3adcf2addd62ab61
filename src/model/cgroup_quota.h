// The CPU quota that the cgroup of this process imposes. Private to src/model; separate so that tests can give it a made-up tree.
#pragma once

#include <filesystem>
#include <optional>

namespace aicoder {

/// Processors' worth of time per period, the smallest on the way from the process's cgroup up to the root; none when unlimited.
/// \param membership  /proc/self/cgroup
/// \param mount       /sys/fs/cgroup (version 2, or the folder of version 1 controllers)
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& membership, const std::filesystem::path& mount);

}  // namespace aicoder
