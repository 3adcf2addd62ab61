#include "model/cgroup_walk.h"

#include <fstream>

namespace aicoder {

void for_each_cgroup(const std::filesystem::path& membership,
                     const std::function<void(const std::string& controllers, const std::filesystem::path& relative)>& visit) {
  std::ifstream in(membership);
  std::string line;
  while (std::getline(in, line)) {
    // "0::/user.slice" (version 2) or "4:cpu,cpuacct:/docker/abc" (version 1)
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::filesystem::path relative = std::filesystem::path(line.substr(second + 1)).relative_path();
    while (true) {
      visit(controllers, relative);
      if (relative.empty()) break;
      relative = relative.parent_path();
    }
  }
}

}  // namespace aicoder
