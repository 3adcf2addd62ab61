#include "sandbox/verdict.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <cstring>

namespace aicoder {

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kOk:
      return "OK";
    case Verdict::kRe:
      return "RE";
    case Verdict::kSig:
      return "SIG";
    case Verdict::kTleCpu:
      return "TLE_CPU";
    case Verdict::kTleWall:
      return "TLE_WALL";
    case Verdict::kMle:
      return "MLE";
    case Verdict::kOle:
      return "OLE";
    case Verdict::kPids:
      return "PIDS";
    case Verdict::kFsize:
      return "FSIZE";
    case Verdict::kDenied:
      return "DENIED";
    case Verdict::kSandboxErr:
      break;
  }
  return "SANDBOX_ERR";
}

namespace box {
namespace {

constexpr int kKilledCode = 128 + SIGKILL;

std::string seconds(double ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", ms / 1000);
  return text;
}

std::string size(uint64_t bytes) {
  char text[32];
  if (bytes >= uint64_t{1} << 20) {
    std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  } else {
    std::snprintf(text, sizeof text, "%llu bytes", static_cast<unsigned long long>(bytes));
  }
  return text;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

Judgement judge_killed(const Ending& ending, const SandboxLimits& limits) {
  switch (ending.killed) {
    case Killed::kCpu:
      return {Verdict::kTleCpu, kKilledCode,
              "killed after " + seconds(ending.cpu_ms) + " CPU of all processes together, limit " +
                  seconds(static_cast<double>(limits.cpu.count()))};
    case Killed::kWall:
      return {Verdict::kTleWall, kKilledCode,
              "killed after " + seconds(ending.wall_ms) + ", limit " + seconds(static_cast<double>(limits.wall.count()))};
    case Killed::kMemory:
      return {Verdict::kMle, kKilledCode,
              "killed at " + size(ending.peak_bytes) + " memory of all processes together, limit " + size(limits.memory_bytes)};
    case Killed::kOutput:
      return {Verdict::kOle, kKilledCode, "killed: more than " + size(limits.output_bytes) + " of output"};
    case Killed::kProcesses:
      return {Verdict::kPids, kKilledCode,
              "killed at " + std::to_string(ending.seen) + " processes and threads, limit " + std::to_string(limits.processes)};
    case Killed::kSockets:
      return {Verdict::kMle, kKilledCode,
              "killed at " + std::to_string(ending.seen) + " sockets, whose buffers can hold more than the limit of " +
                  size(limits.memory_bytes)};
    case Killed::kFiles:
      return {Verdict::kFsize, kKilledCode, "killed: made " + std::to_string(ending.seen) + " files"};
    case Killed::kNo:
      break;
  }
  return {Verdict::kSandboxErr, -1, "no reason recorded"};
}

Judgement judge_signal(int signal, const SandboxLimits& limits) {
  const int code = 128 + signal;
  switch (signal) {
    case SIGSYS:
      return {Verdict::kDenied, code, "killed for a system call that a box does not allow (SIGSYS)"};
    case SIGXFSZ:
      return {Verdict::kFsize, code, "a file passed " + size(limits.file_bytes) + " (SIGXFSZ)"};
    case SIGXCPU:
      return {Verdict::kTleCpu, code, "one process passed the CPU limit (SIGXCPU)"};
    case SIGKILL:
      return {Verdict::kSig, code, "killed by SIGKILL from inside the box, or by the kernel for lack of memory on this machine"};
    default:
      return {Verdict::kSig, code, "killed by " + signal_name(signal)};
  }
}

}  // namespace

Judgement judge(const Ending& ending, const SandboxLimits& limits) {
  if (ending.killed != Killed::kNo) return judge_killed(ending, limits);
  if (ending.exec_errno != 0) {
    // As a shell says it: 127 not found, 126 found but not executable.
    return {Verdict::kRe, ending.exec_errno == ENOENT ? 127 : 126,
            "cannot start '" + ending.program + "' in the box: " + std::strerror(ending.exec_errno)};
  }
  if (ending.peak_processes > limits.processes) {
    const int status = ending.wait_status;
    return {Verdict::kPids, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            "reached " + std::to_string(ending.peak_processes) + " processes, limit " + std::to_string(limits.processes)};
  }
  if (WIFSIGNALED(ending.wait_status)) return judge_signal(WTERMSIG(ending.wait_status), limits);
  const int code = WEXITSTATUS(ending.wait_status);
  if (ending.cpu_ms > static_cast<double>(limits.cpu.count())) {
    return {Verdict::kTleCpu, code, "used " + seconds(ending.cpu_ms) + " CPU, limit " + seconds(static_cast<double>(limits.cpu.count()))};
  }
  if (code == 0) return {Verdict::kOk, 0, ""};
  // Interpreters ignore SIGXFSZ and fail with an error of their own; the file cut at the limit is the evidence.
  if (ending.file_at_limit) {
    return {Verdict::kFsize, code, "exit code " + std::to_string(code) + " after a file reached " + size(limits.file_bytes)};
  }
  std::string detail = "exit code " + std::to_string(code);
  if (ending.scratch_full) detail += "; the " + size(limits.scratch_bytes) + " of scratch space were full";
  return {Verdict::kRe, code, detail};
}

}  // namespace box
}  // namespace aicoder
