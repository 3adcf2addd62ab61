// bench/sandbox: what a box costs over the bare process, and whether many of them leave anything behind.
//
//   auto result = aicoder::run_sandbox_bench({.runs = 1000});
//   print(result.overhead_ms);
#pragma once

#include "aicoder/core.h"

namespace aicoder {

struct SandboxBenchOptions {
  size_t runs = 200;        ///< of /bin/true, bare and in a box in turn, so that what else runs on the machine meets both alike
  size_t leave_every = 10;  ///< so many boxes apart, one whose program leaves a daemon behind, not timed; 0: none
  ProgressFn progress;
  std::stop_token stop;
};

struct SandboxBench {
  size_t runs = 0;
  double bare_ms = 0, box_ms = 0;  ///< medians on the clock
  double overhead_ms = 0;          ///< median of the differences, pair by pair
  double overhead_p95_ms = 0;
  double bare_cpu_ms = 0, box_cpu_ms = 0;  ///< medians of the CPU time of all processes involved, ours included
  double load = 0;                         ///< the machine's load average (1 minute) at the end
  /// More at the end than at the beginning: processes of the boxes, mounts, descriptors of ours, files of the boxes' user in /tmp,
  /// /var/tmp, /dev/shm and /run.
  size_t left_processes = 0, left_mounts = 0, left_descriptors = 0, left_files = 0;
  bool clean() const { return left_processes + left_mounts + left_descriptors + left_files == 0; }
};

/// \throws Error kInvalidArgument (no runs), kFailedPrecondition (no sandbox here), kInternal (a run that was not OK), kCancelled.
SandboxBench run_sandbox_bench(const SandboxBenchOptions& options);

}  // namespace aicoder
