// More rights than the program was given: namespaces, capabilities, identities, priorities, other processes' limits.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

constexpr char kStatus[] = "/proc/self/status";

int new_user_namespace(const Args& args) {
  attempt();
  const bool made = ::unshare(CLONE_NEWUSER) == 0;
  return effect_if(args, made && status_number(kStatus, "CapEff:", 16) > 0);
}

int cloned_user_namespace(const Args& args) {
  attempt();
  const long pid = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0);
  if (pid == 0) ::_exit(status_number(kStatus, "CapEff:", 16) > 0 ? 7 : 8);
  int status = 0;
  return effect_if(args, pid > 0 && ::waitpid(static_cast<pid_t>(pid), &status, 0) == pid && WEXITSTATUS(status) == 7);
}

int clone3_user_namespace(const Args& args) {
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } wanted{CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
  attempt();
  const long pid = ::syscall(SYS_clone3, &wanted, sizeof wanted);
  if (pid == 0) ::_exit(status_number(kStatus, "CapEff:", 16) > 0 ? 7 : 8);
  int status = 0;
  return effect_if(args, pid > 0 && ::waitpid(static_cast<pid_t>(pid), &status, 0) == pid && WEXITSTATUS(status) == 7);
}

int new_network_namespace(const Args& args) {
  attempt();
  return effect_if(args, ::unshare(CLONE_NEWNET) == 0);
}

int join_namespace(const Args& args) {
  const int own = ::open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  if (own < 0) return 2;
  attempt();
  return effect_if(args, ::setns(own, CLONE_NEWUTS) == 0);
}

int join_by_pidfd(const Args& args) {
  const int child = waiting_child();
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  attempt();
  const bool joined = pidfd >= 0 && ::setns(pidfd, CLONE_NEWUTS) == 0;
  const int error = errno;
  end_child(child);
  errno = error;
  return effect_if(args, joined);
}

int become_root(const Args& args) {
  attempt();
  return effect_if(args, ::setresuid(0, 0, 0) == 0 && ::geteuid() == 0);
}

int other_user(const Args& args) {
  attempt();
  return effect_if(args, ::setresuid(12345, 12345, 12345) == 0);
}

int drop_groups(const Args& args) {
  attempt();
  const gid_t groups[] = {0, 4, 27};
  return effect_if(args, ::setgroups(3, groups) == 0);
}

int raise_capabilities(const Args& args) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &head, data) != 0) return 2;
  attempt();
  // All of the permitted ones, which outside the control namespace and in a box are none.
  data[0].effective = data[0].inheritable = data[0].permitted = 1U << CAP_NET_ADMIN | 1U << CAP_SYS_ADMIN;
  data[1] = {};
  return effect_if(args, ::syscall(SYS_capset, &head, data) == 0 && (status_number(kStatus, "CapEff:", 16) & (1 << CAP_SYS_ADMIN)) != 0);
}

int keep_capabilities(const Args& args) {
  attempt();
  return effect_if(args, ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1);
}

int gain_by_exec(const Args& args) {
  attempt();
  return effect_if(args, status_number(kStatus, "NoNewPrivs:", 10) == 0);
}

/// Starts a set-user-id program and looks at what it has become. It waits for a password, or it is ours and waits for the end of its stdin.
int setuid_program(const Args& args) {
  int fds[2];
  if (::pipe(fds) != 0) return 2;
  attempt();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(fds[0], 0);
    ::close(fds[1]);
    ::execl(args.text(0), args.text(0), args.text(1), args.text(2), nullptr);
    ::_exit(127);
  }
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/status", pid);
  bool changed = false;
  for (int i = 0; i < 100 && !changed; ++i) {
    static char text[8192];
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : ::read(fd, text, sizeof text - 1);
    if (fd >= 0) ::close(fd);
    if (n <= 0) break;
    text[n] = '\0';
    unsigned real = 0, effective = 0;
    if (const char* at = std::strstr(text, "\nUid:")) std::sscanf(at + 5, "%u %u", &real, &effective);
    changed = effective != ::getuid();
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT | WNOHANG) == 0 && ended.si_pid == pid) break;
    sleep_ms(10);
  }
  end_child(pid);
  return effect_if(args, changed);
}

int wait_for_stdin(const Args&) {
  char byte = 0;
  while (::read(0, &byte, 1) > 0) {
  }
  return 0;
}

int host_name(const Args& args) {
  attempt();
  return effect_if(args, ::sethostname("owned", 5) == 0);
}

int better_priority(const Args& args) {
  attempt();
  return effect_if(args, ::setpriority(PRIO_PROCESS, 0, -15) == 0 && ::getpriority(PRIO_PROCESS, 0) < 0);
}

int real_time(const Args& args) {
  attempt();
  const sched_param lowest{1};
  return effect_if(args, ::sched_setscheduler(0, SCHED_FIFO, &lowest) == 0);
}

int many_processes_allowed(const Args& args) {
  attempt();
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  limit.rlim_max = limit.rlim_max > 4096 ? limit.rlim_max : RLIM_INFINITY;
  limit.rlim_cur = limit.rlim_max;
  return effect_if(args, ::setrlimit(RLIMIT_NPROC, &limit) == 0);
}

int limit_of_another(const Args& args) {
  attempt();
  rlimit limit{};
  const pid_t target = static_cast<pid_t>(args.number(0));
  return effect_if(args, ::prlimit(target, RLIMIT_NOFILE, nullptr, &limit) == 0 && ::prlimit(target, RLIMIT_NOFILE, &limit, nullptr) == 0);
}

int set_clock(const Args& args) {
  attempt();
  timex now{};
  if (::adjtimex(&now) < 0) return effect_if(args, false);
  timex same{};
  same.modes = ADJ_TICK;  // to the value it has
  same.tick = now.tick;
  return effect_if(args, ::adjtimex(&same) >= 0);
}

int port_access(const Args& args) {
  attempt();
#if defined(__x86_64__)
  return effect_if(args, ::ioperm(0x80, 1, 1) == 0);
#else
  return effect_if(args, false);
#endif
}

/// Reaches the kernel's module loader: it looks at the image (and finds that it is none) only for those who may load.
int load_module(const Args& args) {
  static const char kImage[64] = "not a module";
  attempt();
  ::syscall(SYS_init_module, kImage, sizeof kImage, "");
  return effect_if(args, errno == ENOEXEC);
}

int change_personality(const Args& args) {
  attempt();
  constexpr unsigned long kReadImpliesExec = 0x0400000;
  return effect_if(args,
                   ::syscall(SYS_personality, kReadImpliesExec) != -1 && (::syscall(SYS_personality, 0xffffffff) & kReadImpliesExec) != 0);
}

constexpr Entry kEntries[] = {{"new_user_namespace", new_user_namespace},
                              {"cloned_user_namespace", cloned_user_namespace},
                              {"clone3_user_namespace", clone3_user_namespace},
                              {"new_network_namespace", new_network_namespace},
                              {"join_namespace", join_namespace},
                              {"join_by_pidfd", join_by_pidfd},
                              {"become_root", become_root},
                              {"other_user", other_user},
                              {"drop_groups", drop_groups},
                              {"raise_capabilities", raise_capabilities},
                              {"keep_capabilities", keep_capabilities},
                              {"gain_by_exec", gain_by_exec},
                              {"setuid_program", setuid_program},
                              {"wait_for_stdin", wait_for_stdin},
                              {"host_name", host_name},
                              {"better_priority", better_priority},
                              {"real_time", real_time},
                              {"many_processes_allowed", many_processes_allowed},
                              {"limit_of_another", limit_of_another},
                              {"set_clock", set_clock},
                              {"port_access", port_access},
                              {"load_module", load_module},
                              {"change_personality", change_personality}};

}  // namespace

Entries privilege_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
