#include "sandbox/seccomp_filter.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "aicoder/core.h"
#include "sandbox/unique_fd.h"

namespace aicoder::box {
namespace {

// Not here on purpose: clone3 (its flags are behind a pointer that a filter cannot read; C libraries fall back to clone), io_uring (does
// file and network work past the filter), memfd_create and System V shared memory (memory that belongs to no process, so that the tree's
// watcher would not see it), open_by_handle_at, mq_* (kernel memory), inotify and fanotify (the box shares /usr with the host, and a watch
// there tells which programs the host opens).
constexpr const char* kAllowed[] = {
    // files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "open", "openat", "openat2",
    "creat", "close", "close_range", "lseek", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
    "faccessat2", "getdents", "getdents64", "getcwd", "chdir", "fchdir", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
    "link", "linkat", "symlink", "symlinkat", "readlink", "readlinkat", "unlink", "unlinkat", "truncate", "ftruncate", "fallocate", "chmod",
    "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "umask", "utime", "utimes", "futimesat", "utimensat",
    "mknod", "mknodat", "dup", "dup2", "dup3", "flock", "fsync", "fdatasync", "sync_file_range", "syncfs", "fadvise64", "readahead",
    "sendfile", "splice", "tee", "vmsplice", "copy_file_range", "cachestat", "getxattr", "lgetxattr", "fgetxattr", "listxattr",
    "llistxattr", "flistxattr", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "pipe", "pipe2",
    // All of ioctl: terminal injection (TIOCSTI) needs a terminal, and a box has none (new session, streams that are pipes).
    "ioctl",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "timerfd_settime", "timerfd_gettime", "futex", "futex_waitv",
    "futex_wake", "futex_wait", "futex_requeue", "get_robust_list", "set_robust_list", "nanosleep", "clock_nanosleep", "pause", "alarm",
    "restart_syscall",
    // memory
    "mprotect", "munmap", "mremap", "madvise", "brk", "msync", "mincore", "mlock", "mlock2", "munlock", "mlockall", "munlockall",
    "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect", "get_mempolicy", "set_mempolicy", "mbind", "set_mempolicy_home_node",
    // processes and threads
    "execve", "execveat", "exit", "exit_group", "fork", "vfork", "wait4", "waitid", "kill", "tkill", "tgkill", "getpid", "getppid",
    "gettid", "getpgid", "setpgid", "getpgrp", "getsid", "setsid", "set_tid_address", "rseq", "arch_prctl", "prctl", "pidfd_open",
    "pidfd_send_signal", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_setparam", "sched_getscheduler",
    "sched_setscheduler", "sched_getattr", "sched_setattr", "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval",
    "getpriority", "setpriority", "ioprio_get", "ioprio_set", "getrlimit", "setrlimit", "getrusage", "times", "getcpu", "seccomp",
    "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    // signals
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "sigaltstack",
    // identity: one user exists in a box, so these change nothing
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "setuid", "setgid", "setreuid", "setregid",
    "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capget", "capset",
    // time and facts
    "time", "gettimeofday", "clock_gettime", "clock_getres", "getitimer", "setitimer", "timer_create", "timer_settime", "timer_gettime",
    "timer_getoverrun", "timer_delete", "uname", "sysinfo", "getrandom",
    // sockets; "socket" and "setsockopt" are filtered by their arguments below
    "socketpair", "bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername", "sendto", "recvfrom", "sendmsg",
    "recvmsg", "sendmmsg", "recvmmsg", "shutdown", "getsockopt"};

constexpr const char* kKilled[] = {"mount",       "umount2",      "pivot_root",    "move_mount",    "open_tree",       "fsopen",
                                   "fsconfig",    "fsmount",      "fspick",        "mount_setattr", "setns",           "bpf",
                                   "init_module", "finit_module", "delete_module", "kexec_load",    "kexec_file_load", "reboot",
                                   "swapon",      "swapoff",      "add_key",       "request_key",   "keyctl",          "open_by_handle_at",
                                   "iopl",        "ioperm"};

constexpr const char* kRefused[] = {
    "unshare",     "chroot",       "ptrace",        "process_vm_readv", "process_vm_writev", "kcmp",        "perf_event_open",
    "userfaultfd", "settimeofday", "clock_settime", "clock_adjtime",    "adjtimex",          "sethostname", "setdomainname",
    "syslog",      "quotactl",     "acct",          "vhangup"};

constexpr uint64_t kLastSocketOption = 83;  // of Linux 6.18
constexpr uint64_t kMptcp = 262;

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) {
    if (context_ == nullptr) fail("seccomp_init", ENOMEM);
    check(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "bad architecture action");
    // A binary tree over call numbers: a few comparisons a call instead of hundreds.
    check(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
  }

  template <typename... Comparisons>
  void rule(uint32_t action, const char* name, Comparisons... comparisons) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) return;  // newer than this libseccomp: stays at ENOSYS
    const int result = seccomp_rule_add(context_.get(), action, call, static_cast<unsigned>(sizeof...(comparisons)), comparisons...);
    // A call that this architecture does not have (open on arm64) needs no rule.
    if (result != 0 && result != -EDOM) fail(name, -result);
  }

  std::string instructions() const {
    UniqueFd file(::memfd_create("aicoder-filter", MFD_CLOEXEC));
    if (!file) fail("memory file", errno);
    check(seccomp_export_bpf(context_.get(), file.get()), "export");
    std::string bytes(static_cast<size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
    if (::pread(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()) || bytes.empty() ||
        bytes.size() % 8 != 0) {
      fail("read back", EIO);
    }
    return bytes;
  }

 private:
  struct Release {
    void operator()(void* context) const { seccomp_release(context); }
  };
  [[noreturn]] static void fail(const std::string& what, int error) {
    throw Error(ErrorCode::kFailedPrecondition, "[seccomp] " + what + ": " + std::strerror(error), "apt-get install libseccomp2");
  }
  static void check(int result, const char* what) {
    if (result != 0) fail(what, -result);
  }
  std::unique_ptr<void, Release> context_;
};

void rules_for_clone(Filter& filter) {
  // clone without any new namespace; unshare and clone3 are refused as a whole.
  constexpr uint64_t kNamespaces[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};
  uint64_t any = 0;
  for (uint64_t flag : kNamespaces) {
    filter.rule(SCMP_ACT_ERRNO(EPERM), "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    any |= flag;
  }
  filter.rule(SCMP_ACT_ALLOW, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, any, 0));
}

void rules_for_memory(Filter& filter) {
  // Shared anonymous memory stays allocated after all but one page of it is unmapped, and huge pages are in no process's resident size:
  // both would hide a memory bomb from the tree's watcher where no memory cgroup is to be had.
  constexpr uint64_t kSharedAnonymous = MAP_SHARED | MAP_ANONYMOUS, kMask = kSharedAnonymous | MAP_HUGETLB;
  for (uint64_t fine : {uint64_t{0}, uint64_t{MAP_SHARED}, uint64_t{MAP_ANONYMOUS}}) {
    filter.rule(SCMP_ACT_ALLOW, "mmap", SCMP_A3(SCMP_CMP_MASKED_EQ, kMask, fine));
  }
  filter.rule(SCMP_ACT_ERRNO(ENOMEM), "mmap", SCMP_A3(SCMP_CMP_MASKED_EQ, kSharedAnonymous, kSharedAnonymous));
  filter.rule(SCMP_ACT_ERRNO(ENOMEM), "mmap", SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_HUGETLB, MAP_HUGETLB));
}

void rules_for_descriptors(Filter& filter) {
  // By name, because what is not named can be anything. Not here: F_SETPIPE_SZ (a pipe of 1 MiB instead of 64 KiB is memory of no process),
  // F_NOTIFY (as inotify), leases.
  constexpr uint64_t kFirst = F_DUPFD, kLast = 17 /* F_GETOWNER_UIDS */;
  for (uint64_t command = kFirst; command <= kLast; ++command) filter.rule(SCMP_ACT_ALLOW, "fcntl", SCMP_A1(SCMP_CMP_EQ, command));
  for (uint64_t command : {F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, 1027 /* F_DUPFD_QUERY */, F_DUPFD_CLOEXEC, F_GETPIPE_SZ, F_ADD_SEALS,
                           F_GET_SEALS, F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT, F_SET_FILE_RW_HINT}) {
    filter.rule(SCMP_ACT_ALLOW, "fcntl", SCMP_A1(SCMP_CMP_EQ, command));
  }
  filter.rule(SCMP_ACT_ERRNO(EPERM), "fcntl", SCMP_A1(SCMP_CMP_EQ, F_SETPIPE_SZ));
}

void rules_for_sockets(Filter& filter) {
  // Families by name: AF_VSOCK reaches the hypervisor past the network namespace, AF_ALG and AF_PACKET are kernel attack surface. So are
  // the protocols of the internet families that nobody needs without a network (MPTCP, SCTP, UDP-Lite, SMC, ping).
  filter.rule(SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
  for (uint64_t family : {AF_INET, AF_INET6}) {
    for (uint64_t protocol : {0, static_cast<int>(IPPROTO_TCP), static_cast<int>(IPPROTO_UDP)}) {
      filter.rule(SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, family), SCMP_A2(SCMP_CMP_EQ, protocol));
    }
    // Go asks for it first and takes TCP when it is told so.
    filter.rule(SCMP_ACT_ERRNO(EPROTONOSUPPORT), "socket", SCMP_A0(SCMP_CMP_EQ, family), SCMP_A2(SCMP_CMP_EQ, kMptcp));
  }
  // Options of every protocol a box has, but for the buffer sizes: what waits in a socket is kernel memory that is in no process's size, 4
  // MiB a socket where the machine allows it. Asking for a size "succeeds" without effect, as a size above the machine's maximum does. The
  // kernel looks at 32 bits of these arguments, and so do equal-comparisons of 64 bits: what they do not match is not allowed.
  for (uint64_t level : {IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6}) {
    filter.rule(SCMP_ACT_ALLOW, "setsockopt", SCMP_A1(SCMP_CMP_EQ, level));
  }
  for (uint64_t option = 1; option <= kLastSocketOption; ++option) {
    if (option == SO_SNDBUFFORCE || option == SO_RCVBUFFORCE) continue;
    const bool size = option == SO_SNDBUF || option == SO_RCVBUF;
    filter.rule(size ? SCMP_ACT_ERRNO(0) : SCMP_ACT_ALLOW, "setsockopt", SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET), SCMP_A2(SCMP_CMP_EQ, option));
  }
  // The routing family alone of netlink: how programs list network interfaces.
  filter.rule(SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, 0));
}

std::string build() {
  Filter filter;
  for (const char* name : kAllowed) filter.rule(SCMP_ACT_ALLOW, name);
  for (const char* name : kKilled) filter.rule(SCMP_ACT_KILL_PROCESS, name);
  for (const char* name : kRefused) filter.rule(SCMP_ACT_ERRNO(EPERM), name);
  rules_for_clone(filter);
  rules_for_memory(filter);
  rules_for_descriptors(filter);
  rules_for_sockets(filter);
  // The caller's own limits only: process 1 of the box has the same user id.
  filter.rule(SCMP_ACT_ALLOW, "prlimit64", SCMP_A0(SCMP_CMP_EQ, 0));
  for (uint64_t persona : {uint64_t{0}, uint64_t{0x0040000} /* no address randomisation */, uint64_t{0xffffffff} /* ask */}) {
    filter.rule(SCMP_ACT_ALLOW, "personality", SCMP_A0(SCMP_CMP_EQ, persona));
  }
  return filter.instructions();
}

}  // namespace

const std::string& seccomp_program() {
  static const std::string program = build();
  return program;
}

}  // namespace aicoder::box
