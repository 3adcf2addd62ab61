// The control groups that bind this process. Private to src/model.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace aicoder {

/// Calls `visit` with the controllers of each line of `membership` ("cpu,cpuacct"; empty: version 2) and the group's folder below the
/// mount, then with each of its ancestors up to the root, the empty path: a limit of any of them binds too. In a container the path may
/// not exist below the mount; the root then is ours.
/// \param membership  /proc/self/cgroup
void for_each_cgroup(const std::filesystem::path& membership,
                     const std::function<void(const std::string& controllers, const std::filesystem::path& relative)>& visit);

}  // namespace aicoder
