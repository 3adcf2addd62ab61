#include "model/cgroup_quota.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "model/cgroup_walk.h"

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
  for_each_cgroup(membership, [&](const std::string& controllers, const fs::path& relative) {
    if (controllers.empty()) {
      read_v2(mount / relative, best);
      read_v2(mount / "unified" / relative, best);
    } else if (controllers == "cpu" || controllers == "cpu,cpuacct" || controllers == "cpuacct,cpu") {
      for (const char* name : {"cpu", "cpu,cpuacct"}) read_v1(mount / name / relative, best);
    }
  });
  return best;
}

}  // namespace aicoder
