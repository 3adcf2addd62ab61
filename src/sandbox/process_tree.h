// What all processes of a box use together, read from the box's own /proc: complete, because nothing leaves a PID namespace.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>

namespace aicoder::box {

/// One process as /proc/PID/stat tells it.
struct ProcessStat {
  uint64_t own_ticks = 0;       ///< CPU of its threads
  uint64_t children_ticks = 0;  ///< CPU of the children it waited for
  uint64_t threads = 0;
  uint64_t resident_pages = 0;
};
/// \return false when the text is not a stat line.
bool parse_stat(std::string_view text, ProcessStat& out);

/// Sum of the lines of smaps_rollup that are memory of this process's own (its share of anonymous and shared memory), in bytes; 0 when
/// the text holds none.
uint64_t parse_smaps_rollup(std::string_view text);

/// The count in "sockets: used 12" of /proc/PID/net/sockstat; 0 when the text holds none.
uint64_t parse_sockstat(std::string_view text);

struct TreeUsage {
  uint64_t tasks = 0;         ///< processes and threads, without process 1
  double cpu_ms = 0;          ///< never falls from one sample to the next
  uint64_t memory_bytes = 0;  ///< best estimate at this moment
  uint64_t sockets = 0;       ///< of the box's network namespace; what waits in them is in no process's size
};

/// Watches one box. Not thread-safe.
class ProcessTree {
 public:
  /// \param proc_fd  the box's /proc, borrowed
  /// \param memory_limit_bytes  where exactness begins to matter
  ProcessTree(int proc_fd, uint64_t memory_limit_bytes) : proc_fd_(proc_fd), memory_limit_(memory_limit_bytes) {}

  /// Cheap (a few tens of microseconds a process) while the sum of resident sizes is under the limit. Above it the exact shares are
  /// asked for, since forked children count shared pages again; at most a fifth of the time is spent on that.
  TreeUsage sample();
  uint64_t peak_bytes() const { return peak_; }

 private:
  uint64_t exact_memory() const;
  double count_cpu(double now_ms);

  int proc_fd_;
  uint64_t memory_limit_, peak_ = 0;
  double seen_ms_ = 0, lost_ms_ = 0;
  int falls_ = 0;
  std::chrono::steady_clock::time_point next_exact_{};
};

}  // namespace aicoder::box
