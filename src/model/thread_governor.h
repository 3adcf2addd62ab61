// How many threads to compute with while other programs want the same cores. Private to src/model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace aicoder {

/// Counters at one moment; only their differences matter.
struct LoadSample {
  double seconds = 0;       ///< monotonic clock
  double cpu_seconds = 0;   ///< of all threads of this process
  int64_t preemptions = 0;  ///< of this process: involuntary context switches
};
LoadSample read_load();

/// Seconds all processors together were idle since the start of the machine (/proc/stat); nullopt where that cannot be read.
std::optional<double> idle_processor_seconds();

/// Matrix products wait for their slowest thread at a barrier hundreds of times a token. One busy program beside two threads on
/// two cores makes each barrier last as long as that program's time slice: 1.7 instead of 200 tokens/s, where one thread still
/// makes 114 (SmolLM2-135M, docs/results/threads-under-load.md). So a thread whose core is taken is given up, and taken back when
/// a processor was idle.
///
/// A thread counts as displaced when the process got less CPU time than it has threads AND was preempted: waiting for an
/// accelerator gives the first without the second.
class ThreadGovernor {
 public:
  using IdleFn = std::function<std::optional<double>()>;
  explicit ThreadGovernor(int most, IdleFn idle = idle_processor_seconds) : most_(most), threads_(most), idle_(std::move(idle)) {}

  int threads() const noexcept { return threads_; }
  /// \param before, after  around one decode with threads() threads
  /// \return true when threads() changed
  bool after_decode(const LoadSample& before, const LoadSample& after);

 private:
  void start_window();
  void lower(int threads, double now);
  bool raise(double now);

  int most_, threads_;
  IdleFn idle_;
  double wall_ = 0, cpu_ = 0;  ///< of the decodes since the last decision
  int64_t preemptions_ = 0;
  double displaced_ = 0;  ///< seconds without an undisturbed window
  double hold_ = 0;       ///< seconds a lowered count is kept
  double raised_at_ = 0;
  double looked_at_ = 0;  ///< when the count was lowered, or the idle time last looked at
  std::optional<double> idle_then_;
};

}  // namespace aicoder
