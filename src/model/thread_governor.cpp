#include "model/thread_governor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <string>

namespace aicoder {
namespace {

constexpr double kWindow = 0.05;     ///< seconds of decoding before a decision: several time slices
constexpr double kDisplaced = 0.35;  ///< CPUs missing; a quiet machine misses less than 0.1
constexpr double kIdle = 0.65;       ///< of a processor: enough to try a thread on it
constexpr double kPreemptionsPerSecond = 40;
/// Displaced for so long before a thread is given up. A burst of another program, a build step or a page being drawn, is over before that;
/// the thread it would cost is half the speed on two cores, for as long as the hold.
constexpr double kPatience = 0.2;
constexpr double kFirstHold = 0.3, kLongestHold = 10;
constexpr double kRecent = 2;  ///< lowered so soon after a raise means that the raise was wrong

double to_seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; }

}  // namespace

std::optional<double> idle_processor_seconds() {
  // "cpu  user nice system idle iowait ...", in clock ticks.
  std::ifstream stat("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0;
  if (!(stat >> name >> user >> nice >> system >> idle) || name != "cpu") return std::nullopt;
  return idle / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

LoadSample read_load() {
  LoadSample sample;
  sample.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  sample.cpu_seconds = to_seconds(usage.ru_utime) + to_seconds(usage.ru_stime);
  sample.preemptions = usage.ru_nivcsw;
  return sample;
}

bool ThreadGovernor::after_decode(const LoadSample& before, const LoadSample& after) {
  if (most_ == 1) return false;
  if (threads_ < most_ && after.seconds >= looked_at_ + hold_) return raise(after.seconds);
  wall_ += after.seconds - before.seconds;
  cpu_ += after.cpu_seconds - before.cpu_seconds;
  preemptions_ += after.preemptions - before.preemptions;
  if (wall_ < kWindow) return false;
  const double got = cpu_ / wall_;
  const bool missing = threads_ - got > kDisplaced, preempted = static_cast<double>(preemptions_) > kPreemptionsPerSecond * wall_;
  displaced_ = threads_ > 1 && missing && preempted ? displaced_ + wall_ : 0;
  start_window();
  if (displaced_ < kPatience) return false;
  displaced_ = 0;
  lower(std::clamp(static_cast<int>(std::floor(got + kDisplaced)), 1, threads_ - 1), after.seconds);
  return true;
}

void ThreadGovernor::start_window() {
  wall_ = cpu_ = 0;
  preemptions_ = 0;
}

void ThreadGovernor::lower(int threads, double now) {
  const bool raise_was_wrong = hold_ > 0 && now - raised_at_ < kRecent;
  hold_ = raise_was_wrong ? std::min(2 * hold_, kLongestHold) : kFirstHold;
  threads_ = threads;
  looked_at_ = now;
  idle_then_ = idle_();
}

bool ThreadGovernor::raise(double now) {
  int spare = most_ - threads_;
  const std::optional<double> idle = idle_();
  if (idle && idle_then_) spare = std::min(spare, static_cast<int>(std::floor((*idle - *idle_then_) / (now - looked_at_) + (1 - kIdle))));
  // What was idle long ago says little: the next look covers the time from now on.
  looked_at_ = now;
  idle_then_ = idle;
  if (spare < 1) return false;
  threads_ += spare;
  raised_at_ = now;
  start_window();
  return true;
}

}  // namespace aicoder
