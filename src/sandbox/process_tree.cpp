#include "sandbox/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/unique_fd.h"

namespace aicoder::box {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::string_view next_word(std::string_view& rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\n')) rest.remove_prefix(1);
  const size_t end = std::min(rest.find_first_of(" \n"), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

bool to_number(std::string_view word, uint64_t& out) {
  return std::from_chars(word.data(), word.data() + word.size(), out).ec == std::errc{};
}

std::vector<std::string> process_ids(int proc_fd) {
  std::vector<std::string> ids;
  const int fd = ::openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ids;
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd));
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') ids.emplace_back(entry->d_name);
  }
  return ids;
}

/// Empty when the process has gone.
std::string_view read_text(int proc_fd, const std::string& path, char* buffer, size_t size) {
  const UniqueFd fd(::openat(proc_fd, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  const ssize_t n = ::read(fd.get(), buffer, size);
  return n > 0 ? std::string_view(buffer, static_cast<size_t>(n)) : std::string_view{};
}

uint64_t page_bytes() {
  static const auto size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

double tick_ms() {
  static const double ms = 1000.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return ms;
}

}  // namespace

bool parse_stat(std::string_view text, ProcessStat& out) {
  // The name in parentheses may hold anything, spaces and parentheses included: the last ')' ends it.
  const size_t end = text.rfind(')');
  if (end == std::string_view::npos) return false;
  std::string_view rest = text.substr(end + 1);
  uint64_t fields[25] = {};
  next_word(rest);  // 3: state
  for (int field = 4; field <= 24; ++field) {
    const std::string_view word = next_word(rest);
    if (word.empty()) return false;
    if (!to_number(word, fields[field])) fields[field] = 0;  // negative: group ids without terminal, priorities
  }
  out = {fields[14] + fields[15], fields[16] + fields[17], fields[20], fields[24]};
  return true;
}

uint64_t parse_smaps_rollup(std::string_view text) {
  uint64_t kib = 0;
  for (const std::string_view key : {"Pss_Anon:", "Pss_Shmem:", "SwapPss:"}) {
    const size_t at = text.find(key);
    if (at == std::string_view::npos) continue;
    std::string_view rest = text.substr(at + key.size());
    uint64_t value = 0;
    if (to_number(next_word(rest), value)) kib += value;
  }
  return kib * 1024;
}

uint64_t parse_sockstat(std::string_view text) {
  constexpr std::string_view kKey = "sockets: used ";
  uint64_t count = 0;
  if (!text.starts_with(kKey)) return 0;
  text.remove_prefix(kKey.size());
  return to_number(next_word(text), count) ? count : 0;
}

uint64_t ProcessTree::exact_memory() const {
  char buffer[4096];
  uint64_t bytes = 0;
  for (const std::string& id : process_ids(proc_fd_)) {
    if (id == "1") continue;
    bytes += parse_smaps_rollup(read_text(proc_fd_, id + "/smaps_rollup", buffer, sizeof buffer));
    // Page tables are memory too: one touched byte in each 2 MiB costs as much in them as in pages.
    const std::string_view status = read_text(proc_fd_, id + "/status", buffer, sizeof buffer);
    if (const size_t at = status.find("VmPTE:"); at != std::string_view::npos) {
      std::string_view rest = status.substr(at + 6);
      std::string_view word = rest.substr(std::min(rest.find_first_not_of(" \t"), rest.size()));
      uint64_t kib = 0;
      if (to_number(next_word(word), kib)) bytes += kib * 1024;
    }
  }
  return bytes;
}

double ProcessTree::count_cpu(double now_ms) {
  // A child whose parent ignores SIGCHLD takes its CPU time with it when it ends; what was seen once stays counted. One low sample can also
  // come from a child that was waited for while we read (missing on both sides), so only a fall that lasts is a loss.
  constexpr int kLasting = 3;
  if (now_ms >= seen_ms_) {
    seen_ms_ = now_ms;
    falls_ = 0;
  } else if (++falls_ >= kLasting) {
    lost_ms_ += seen_ms_ - now_ms;
    seen_ms_ = now_ms;
    falls_ = 0;
  }
  return seen_ms_ + lost_ms_;
}

TreeUsage ProcessTree::sample() {
  char buffer[1024];
  TreeUsage usage;
  uint64_t ticks = 0, resident = 0, own = 0;
  for (const std::string& id : process_ids(proc_fd_)) {
    ProcessStat stat;
    if (!parse_stat(read_text(proc_fd_, id + "/stat", buffer, sizeof buffer), stat)) continue;
    ticks += stat.children_ticks;
    if (id == "1") continue;  // ours; what it reaped is the program's
    ticks += stat.own_ticks;
    usage.tasks += std::max<uint64_t>(stat.threads, 1);  // a zombie has no thread and still holds its place
    resident += stat.resident_pages;
    // statm: size resident shared ...; what is resident and not of a file is the process's own
    std::string_view statm = read_text(proc_fd_, id + "/statm", buffer, sizeof buffer);
    uint64_t all = 0, shared = 0;
    next_word(statm);
    if (to_number(next_word(statm), all) && to_number(next_word(statm), shared) && all > shared) own += all - shared;
  }

  usage.sockets = parse_sockstat(read_text(proc_fd_, "1/net/sockstat", buffer, sizeof buffer));
  usage.cpu_ms = count_cpu(static_cast<double>(ticks) * tick_ms());

  usage.memory_bytes = std::min(own * page_bytes(), memory_limit_);
  bool measured = true;
  if (resident * page_bytes() > memory_limit_) {
    const auto start = std::chrono::steady_clock::now();
    measured = start >= next_exact_;
    if (measured) {
      usage.memory_bytes = exact_memory();
      const auto end = std::chrono::steady_clock::now();
      next_exact_ = end + 4 * (end - start);
    }
  }
  if (measured) peak_ = std::max(peak_, usage.memory_bytes);
  return usage;
}

}  // namespace aicoder::box
