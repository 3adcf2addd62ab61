// From what was observed of a run to one verdict and its reason.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "aicoder/sandbox.h"

namespace aicoder::box {

/// Why the host ended a box before its program did.
enum class Killed { kNo, kCpu, kWall, kMemory, kOutput, kProcesses, kFiles, kSockets };

/// How a run came to its end.
struct Ending {
  Killed killed = Killed::kNo;
  int wait_status = 0;  ///< of the program, as waitpid gives it; meaningful when not killed and exec_errno is 0
  int exec_errno = 0;   ///< not 0: the program could not be started
  double cpu_ms = 0;    ///< of the tree
  double wall_ms = 0;
  uint64_t peak_bytes = 0;
  uint64_t seen = 0;  ///< when killed for too many: tasks, files or sockets
  uint64_t peak_processes = 0;
  bool file_at_limit = false;  ///< a file of the box has reached the size one file may have
  bool scratch_full = false;   ///< no free block was left at the end
  std::string program;         ///< argv[0]
};

struct Judgement {
  Verdict verdict;
  int exit_code;
  std::string detail;  ///< empty for OK
};

Judgement judge(const Ending& ending, const SandboxLimits& limits);

}  // namespace aicoder::box
