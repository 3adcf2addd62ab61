// The user's terminal and other processes by signals.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

/// Types on the user's terminal.
int type_on_terminal(const Args& args) {
  attempt();
  bool typed = false;
  const int tty = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  for (int fd : {tty, 0, 1, 2}) {
    for (const char* at = args.nonce; fd >= 0 && *at != '\0'; ++at) typed = ::ioctl(fd, TIOCSTI, at) == 0 || typed;
    if (typed) break;
  }
  return effect_if(args, typed);
}

/// Past what is captured, straight to the screen.
int write_to_terminal(const Args& args) {
  attempt();
  return effect_if(args, write_file("/dev/tty", args.nonce, 0));
}

int leave_terminal_raw(const Args& args) {
  ::signal(SIGTTOU, SIG_IGN);  // what stops a background program that tries
  attempt();
  const int tty = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  char settings[64] = {};
  return effect_if(args, tty >= 0 && ::ioctl(tty, 0x5401 /* TCGETS */, settings) == 0 && ::ioctl(tty, 0x5402 /* TCSETS */, settings) == 0);
}

int print_text(const Args& args) {
  attempt();
  for (int i = 0; i < args.count; ++i) show(args.text(i));
  return 0;
}

/// In the control PID is a process of the same throw-away PID namespace, started here; in a box it is one of the host.
int kill_everybody(const Args& args) {
  const pid_t given = static_cast<pid_t>(args.number(0));
  const pid_t target = given > 0 ? given : waiting_child();
  attempt();
  ::kill(-1, SIGKILL);      // the caller is left out
  if (given > 0) return 0;  // the host looks
  int status = 0;
  return effect_if(args, ::waitpid(target, &status, 0) == target && WIFSIGNALED(status));
}

int kill_group(const Args& args) {
  attempt();
  ::kill(args.number(0) > 0 ? -static_cast<pid_t>(args.number(0)) : 0, SIGKILL);
  return 0;
}

int kill_process(const Args& args) {
  attempt();
  ::kill(static_cast<pid_t>(args.number(0)), SIGKILL);
  return 0;
}

int kill_by_pidfd(const Args& args) {
  attempt();
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, args.number(0), 0));
  if (pidfd >= 0) ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  return 0;
}

int queue_signal(const Args& args) {
  attempt();
  sigval value{};
  ::sigqueue(static_cast<pid_t>(args.number(0)), SIGKILL, value);
  ::syscall(SYS_tgkill, args.number(0), args.number(0), SIGKILL);
  return 0;
}

/// A descriptor whose owner is told by a signal of our choice when something arrives.
int signal_by_owner(const Args& args) {
  int fds[2];
  if (::pipe(fds) != 0) return 2;
  attempt();
  ::fcntl(fds[0], F_SETOWN, static_cast<int>(args.number(0)));
  ::fcntl(fds[0], F_SETSIG, SIGKILL);
  ::fcntl(fds[0], F_SETFL, O_ASYNC);
  (void)!::write(fds[1], "x", 1);
  return 0;
}

int stop_process(const Args& args) {
  attempt();
  ::kill(static_cast<pid_t>(args.number(0)), SIGSTOP);
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%s/stat", args.text(0));
  bool stopped = false;
  for (int i = 0; i < 20 && !stopped; ++i) {
    char text[512] = {};
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::read(fd, text, sizeof text - 1) <= 0) return effect_if(args, false);
    ::close(fd);
    const char* end = std::strrchr(text, ')');
    stopped = end != nullptr && end[2] == 'T';
    if (!stopped) sleep_ms(5);
  }
  return effect_if(args, stopped);
}

/// What the others are attacked with: a process that holds a secret in its environment, its arguments, its memory and its descriptor 3.
int victim(const Args& args) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  static char copy[64];
  if (const char* secret = std::getenv("AICODER_VICTIM_SECRET")) std::strncpy(copy, secret, sizeof copy - 1);
  if (args.count > 0) {
    const int fd = ::open(args.text(0), O_RDONLY);
    if (fd >= 0 && fd != 3) {
      ::dup2(fd, 3);
      ::close(fd);
    }
  }
  ::dprintf(1, "%llx\n", static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(copy)));
  for (;;) ::pause();
}

constexpr Entry kEntries[] = {{"type_on_terminal", type_on_terminal},
                              {"write_to_terminal", write_to_terminal},
                              {"leave_terminal_raw", leave_terminal_raw},
                              {"print_text", print_text},
                              {"kill_everybody", kill_everybody},
                              {"kill_group", kill_group},
                              {"kill_process", kill_process},
                              {"kill_by_pidfd", kill_by_pidfd},
                              {"queue_signal", queue_signal},
                              {"signal_by_owner", signal_by_owner},
                              {"stop_process", stop_process},
                              {"victim", victim}};

}  // namespace

Entries terminal_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
