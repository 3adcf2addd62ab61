#include "model/available_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include "model/cgroup_walk.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;

void keep_smaller(std::optional<uint64_t>& best, uint64_t value) { best = best ? std::min(*best, value) : value; }

/// A file that holds one number; "max" (no limit) and anything else count as none.
void read_limit(const fs::path& path, std::optional<uint64_t>& best) {
  std::ifstream in(path);
  std::string text;
  uint64_t value = 0;
  if (!(in >> text)) return;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && rest == text.data() + text.size()) keep_smaller(best, value);
}

}  // namespace

std::optional<uint64_t> available_memory_bytes(const fs::path& meminfo, const fs::path& membership, const fs::path& mount) {
  std::optional<uint64_t> best;
  std::ifstream memory(meminfo);
  std::string line;
  while (std::getline(memory, line)) {
    constexpr std::string_view kKey = "MemAvailable:";
    if (line.starts_with(kKey)) keep_smaller(best, std::strtoull(line.c_str() + kKey.size(), nullptr, 10) * 1024);
  }
  for_each_cgroup(membership, [&](const std::string& controllers, const fs::path& relative) {
    if (controllers.empty()) {
      read_limit(mount / relative / "memory.max", best);
    } else if (controllers == "memory") {
      read_limit(mount / "memory" / relative / "memory.limit_in_bytes", best);
    }
  });
  return best;
}

}  // namespace aicoder
