#include "sandbox/box_run.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "sandbox/box.h"
#include "sandbox/bwrap_command.h"
#include "sandbox/output_pump.h"
#include "sandbox/process_tree.h"
#include "sandbox/request_check.h"
#include "sandbox/verdict.h"
#include "sandbox/workdir.h"

namespace aicoder::box {
namespace {

using Clock = std::chrono::steady_clock;
using Stream = OutputTail::Stream;

// Setting a box up takes milliseconds; this much on a machine that is badly overloaded.
constexpr std::chrono::milliseconds kSetupTime{20'000};
// Each file costs the kernel about a kilobyte that the size of a tmpfs does not count.
constexpr uint64_t kMaxFiles = 100'000;
// Always allowed, however small the memory limit.
constexpr uint64_t kFewSockets = 64;
constexpr Clock::duration kFastest = std::chrono::milliseconds(4), kSlowest = std::chrono::milliseconds(40);

/// What can wait in one socket. The filter lets no program change it.
uint64_t socket_bytes() {
  static const uint64_t bytes = [] {
    uint64_t largest = 212'992;  // the kernel's own default
    for (const char* path : {"/proc/sys/net/core/wmem_default", "/proc/sys/net/core/rmem_default"}) {
      uint64_t value = 0;
      if (std::ifstream(path) >> value) largest = std::max(largest, value);
    }
    return largest;
  }();
  return bytes;
}

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

/// Readable once a stop was requested.
class StopSignal {
 public:
  explicit StopSignal(const std::stop_token& stop) : fd_(::eventfd(0, EFD_CLOEXEC)), callback_(stop, Raise{fd_.get()}) {}
  int fd() const { return fd_.get(); }

 private:
  struct Raise {
    int fd;
    void operator()() const noexcept {
      const uint64_t one = 1;
      (void)!::write(fd, &one, sizeof one);
    }
  };
  UniqueFd fd_;
  std::stop_callback<Raise> callback_;
};

/// The watch over one running box.
class Watch {
 public:
  Watch(Box& box, Workdir& workdir, const SandboxLimits& limits, const std::stop_token& stop)
      : box_(box),
        workdir_(workdir),
        limits_(limits),
        stop_(stop),
        stopped_(stop),
        tree_(box.proc_fd(), limits.memory_bytes),
        tail_(limits.output_bytes) {}

  /// Starts the program and returns when it has ended or was ended. \throws Error(kCancelled).
  void run();
  const Ending& ending() const { return ending_; }
  const std::string& broken() const { return broken_; }  ///< not empty: the box failed, not the program
  const OutputTail& tail() const { return tail_; }

 private:
  void wait(Clock::time_point until);
  void hear();
  void sample();
  void drain();
  void kill(Killed why) {
    if (ending_.killed == Killed::kNo) ending_.killed = why;
    box_.kill();
    over_ = true;
  }

  Box& box_;
  Workdir& workdir_;
  const SandboxLimits& limits_;
  const std::stop_token& stop_;
  StopSignal stopped_;
  ProcessTree tree_;
  OutputTail tail_;
  Ending ending_;
  std::string broken_;
  bool over_ = false, out_open_ = true, err_open_ = true;
};

void Watch::run() {
  const auto start = Clock::now();
  const auto deadline = start + limits_.wall;
  box_.go();
  auto next_sample = start + kFastest;
  while (!over_) {
    wait(std::min(next_sample, deadline));
    throw_if_stopped(stop_);
    const auto now = Clock::now();
    if (!over_ && now >= deadline) {
      ending_.wall_ms = ms_since(start);
      kill(Killed::kWall);
    }
    if (!over_ && now >= next_sample) {
      sample();
      // Looking at the box takes at most a tenth of the time, also with hundreds of processes.
      const auto after = Clock::now();
      next_sample = after + std::clamp(9 * (after - now), kFastest, kSlowest);
    }
  }
  ending_.wall_ms = ms_since(start);
  box_.kill();
  drain();
  ending_.peak_bytes = std::max(ending_.peak_bytes, tree_.peak_bytes());
}

void Watch::wait(Clock::time_point until) {
  pollfd waiting[4] = {{box_.control_fd(), POLLIN, 0},
                       {stopped_.fd(), POLLIN, 0},
                       {out_open_ ? box_.out_fd() : -1, POLLIN, 0},
                       {err_open_ ? box_.err_fd() : -1, POLLIN, 0}};
  const auto left = std::max(std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now()), std::chrono::nanoseconds(0));
  const timespec timeout{static_cast<time_t>(left.count() / 1'000'000'000), static_cast<long>(left.count() % 1'000'000'000)};
  if (::ppoll(waiting, 4, &timeout, nullptr) <= 0) return;
  if (waiting[2].revents != 0) out_open_ = pump(box_.out_fd(), Stream::kOut, tail_);
  if (waiting[3].revents != 0) err_open_ = pump(box_.err_fd(), Stream::kErr, tail_);
  if (tail_.over_limit()) kill(Killed::kOutput);
  if (!over_ && waiting[0].revents != 0) hear();
}

void Watch::hear() {
  const auto message = box_.hear();
  over_ = true;
  if (!message) {
    broken_ = "process 1 of the box ended without a word";
  } else if (message->event == BoxEvent::kEnded) {
    ending_.wait_status = message->value;
    ending_.cpu_ms = std::max(ending_.cpu_ms, static_cast<double>(message->cpu_us) / 1000);
    ending_.peak_bytes = static_cast<uint64_t>(message->max_rss_kib) * 1024;
    ending_.peak_processes = static_cast<uint64_t>(std::max<int64_t>(message->peak_processes, 0));
  } else if (message->event == BoxEvent::kExecFailed) {
    ending_.exec_errno = message->value;
  } else {
    broken_ = std::string("process 1 of the box: ") + message->step + ": " + std::strerror(message->value);
  }
}

void Watch::sample() {
  const TreeUsage usage = tree_.sample();
  ending_.cpu_ms = std::max(ending_.cpu_ms, usage.cpu_ms);
  if (usage.tasks > limits_.processes) {
    ending_.seen = usage.tasks;
    kill(Killed::kProcesses);
  } else if (usage.memory_bytes > limits_.memory_bytes) {
    kill(Killed::kMemory);
  } else if (usage.cpu_ms > static_cast<double>(limits_.cpu.count())) {
    kill(Killed::kCpu);
  } else if (usage.sockets > kFewSockets && usage.sockets * socket_bytes() > limits_.memory_bytes) {
    ending_.seen = usage.sockets;
    kill(Killed::kSockets);
  } else if (const uint64_t files = workdir_.usage().files; files > kMaxFiles) {
    ending_.seen = files;
    kill(Killed::kFiles);
  }
}

void Watch::drain() {
  // The last writer ends with the box, so both streams end; the deadline is for a machine that hangs.
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while ((out_open_ || err_open_) && Clock::now() < deadline) {
    pollfd waiting[2] = {{out_open_ ? box_.out_fd() : -1, POLLIN, 0}, {err_open_ ? box_.err_fd() : -1, POLLIN, 0}};
    if (::poll(waiting, 2, 1000) <= 0) continue;
    if (waiting[0].revents != 0) out_open_ = pump(box_.out_fd(), Stream::kOut, tail_);
    if (waiting[1].revents != 0) err_open_ = pump(box_.err_fd(), Stream::kErr, tail_);
  }
  if (tail_.over_limit() && ending_.killed == Killed::kNo) ending_.killed = Killed::kOutput;
}

SandboxResult box_failed(std::string why) {
  SandboxResult result;
  result.verdict = Verdict::kSandboxErr;
  result.level = "none";
  result.detail = std::move(why);
  return result;
}

}  // namespace

SandboxResult run_in_box(const SandboxRequest& request, const std::stop_token& stop) {
  throw_if_stopped(stop);
  const BoxPlan plan = checked_plan(request);
  if (plan.bwrap.empty()) return box_failed("bubblewrap is not installed: apt-get install bubblewrap");
  Box box(plan);
  // A stop during these milliseconds waits for process 1, by which the whole box can be ended surely.
  if (auto problem = box.wait_ready(kSetupTime)) return box_failed(*problem);
  throw_if_stopped(stop);

  Workdir workdir(box.scratch_fd(), request.limits.scratch_bytes, box_user());
  if (!request.dir.empty()) workdir.copy_in(request.dir);
  for (const auto& [path, content] : request.files) workdir.write(path, content);

  Watch watch(box, workdir, request.limits, stop);
  watch.run();
  box.end();
  if (!watch.broken().empty()) return box_failed(watch.broken());

  Ending ending = watch.ending();
  ending.program = request.argv.front();
  ending.scratch_full = workdir.usage().full;
  ending.file_at_limit = ending.killed == Killed::kNo && ending.wait_status != 0 && workdir.has_file_of(request.limits.file_bytes);
  const Judgement judgement = judge(ending, request.limits);

  SandboxResult result;
  result.verdict = judgement.verdict;
  result.exit_code = judgement.exit_code;
  result.detail = judgement.detail;
  result.out = to_valid_utf8(watch.tail().text(Stream::kOut));
  result.err = to_valid_utf8(watch.tail().text(Stream::kErr));
  result.cpu_ms = ending.cpu_ms;
  result.wall_ms = ending.wall_ms;
  result.peak_bytes = ending.peak_bytes;
  result.level = "L3";
  for (const std::string& path : request.outputs) {
    try {
      result.outputs[path] = workdir.read(path);
    } catch (const Error& error) {
      result.missing[path] = error.what();
    }
  }
  return result;
}

}  // namespace aicoder::box
