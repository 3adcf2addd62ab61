#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>

namespace aicoder::cli {
namespace {

// A signal handler may only write to a descriptor; the listener thread turns that into a stop request.
std::array<int, 2> pipe_fds{-1, -1};
// When the first signal came, in milliseconds; -1: none yet. A terminal and what runs us (timeout, a supervisor) may both tell us
// the same thing; only a later one means that the person has no patience left.
std::atomic<int64_t> first_ms{-1};
constexpr int64_t kSameRequestMs = 300;
std::mutex source_mutex;
std::stop_source source;

extern "C" void on_signal(int signal_number) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t ms = static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
  int64_t first = -1;
  if (!first_ms.compare_exchange_strong(first, ms)) {
    if (ms - first >= kSameRequestMs) ::_exit(128 + signal_number);
    return;
  }
  const char byte = 1;
  (void)!::write(pipe_fds[1], &byte, 1);
}

}  // namespace

Interrupt::Interrupt() {
  if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) return;  // Ctrl-C then ends the process the default way
  listener_ = std::jthread([read_end = pipe_fds[0]] {
    char byte = 0;
    while (::read(read_end, &byte, 1) == 1 && byte == 1) {
      const std::lock_guard lock(source_mutex);
      source.request_stop();
    }
  });
  struct sigaction action{};
  action.sa_handler = on_signal;  // no SA_RESTART: a line being typed in `chat` is given up
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Interrupt::~Interrupt() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
  if (pipe_fds[1] >= 0) {
    const char byte = 0;
    (void)!::write(pipe_fds[1], &byte, 1);
    listener_.join();
    ::close(pipe_fds[0]);
    ::close(pipe_fds[1]);
    pipe_fds = {-1, -1};
  }
}

std::stop_token Interrupt::token() const {
  const std::lock_guard lock(source_mutex);
  return source.get_token();
}

std::stop_token Interrupt::renew() {
  const std::lock_guard lock(source_mutex);
  first_ms = -1;
  if (source.stop_requested()) source = std::stop_source();
  return source.get_token();
}

}  // namespace aicoder::cli
