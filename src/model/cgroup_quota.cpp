#include "model/cgroup_quota.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace aicoder {
namespace {

namespace fs = std::filesystem;

void keep_smaller(std::optional<double>& best, double value) {
  if (std::isfinite(value) && value > 0) best = best ? std::min(*best, value) : value;
}

/// cpu.max: "200000 100000" or "max 100000".
void read_v2(const fs::path& folder, std::optional<double>& best) {
  std::ifstream in(folder / "cpu.max");
  std::string quota;
  double period = 0;
  if (in >> quota >> period && quota != "max" && period > 0) {
    try {
      keep_smaller(best, std::stod(quota) / period);
    } catch (const std::exception&) {  // not a number: no limit we understand
    }
  }
}

/// cpu.cfs_quota_us is -1 without a limit.
void read_v1(const fs::path& folder, std::optional<double>& best) {
  std::ifstream quota_in(folder / "cpu.cfs_quota_us"), period_in(folder / "cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (quota_in >> quota && period_in >> period && quota > 0 && period > 0) keep_smaller(best, quota / period);
}

}  // namespace

std::optional<double> cgroup_cpu_quota(const fs::path& membership, const fs::path& mount) {
  std::optional<double> best;
  std::ifstream in(membership);
  std::string line;
  while (std::getline(in, line)) {
    // "0::/user.slice" (version 2) or "4:cpu,cpuacct:/docker/abc" (version 1)
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && controllers != "cpu" && controllers != "cpu,cpuacct" && controllers != "cpuacct,cpu") continue;
    fs::path relative = fs::path(line.substr(second + 1)).relative_path();
    // A limit of any ancestor binds too. In a container the path may not exist below the mount: the root then is ours.
    while (true) {
      if (v2) {
        read_v2(mount / relative, best);
        read_v2(mount / "unified" / relative, best);
      } else {
        for (const char* name : {"cpu", "cpu,cpuacct"}) read_v1(mount / name / relative, best);
      }
      if (relative.empty()) break;
      relative = relative.parent_path();
    }
  }
  return best;
}

}  // namespace aicoder
