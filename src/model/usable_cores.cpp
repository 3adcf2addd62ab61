// How many threads pay off: physical cores in the affinity mask, cut by the cgroup's CPU quota.
// Matrix products are bound by the vector units, which hyper-threads share.
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "aicoder/model.h"
#include "model/cgroup_quota.h"

namespace aicoder {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

int physical_cores_in_mask() {
  // 4096 processors: larger than any x86 machine; a machine beyond falls back to the count of the standard library.
  constexpr int kMaxCpus = 4096;
  cpu_set_t* mask = CPU_ALLOC(kMaxCpus);
  const size_t size = CPU_ALLOC_SIZE(kMaxCpus);
  if (mask == nullptr) return static_cast<int>(std::thread::hardware_concurrency());
  CPU_ZERO_S(size, mask);
  if (sched_getaffinity(0, size, mask) != 0) {
    CPU_FREE(mask);
    return static_cast<int>(std::thread::hardware_concurrency());
  }
  std::set<std::string> cores;
  for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (!CPU_ISSET_S(static_cast<size_t>(cpu), size, mask)) continue;
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    // Siblings share this list. Absent (some containers): each processor counts as a core.
    std::string siblings = first_line(topology + "thread_siblings_list");
    cores.insert(siblings.empty() ? "cpu" + std::to_string(cpu) : siblings);
  }
  CPU_FREE(mask);
  return static_cast<int>(cores.size());
}

}  // namespace

int usable_cores() {
  int cores = std::max(1, physical_cores_in_mask());
  if (auto quota = cgroup_cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup")) {
    // A part of a core still needs a thread, but two threads on 1.2 cores are throttled in turn.
    cores = std::min(cores, std::max(1, static_cast<int>(std::floor(*quota + 0.25))));
  }
  return cores;
}

}  // namespace aicoder
