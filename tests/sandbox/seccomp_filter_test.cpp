#include "sandbox/seccomp_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace aicoder::box {
namespace {

/// What errno is after `call` in a process under the filter; 0 when it succeeded, -SIGNAL when it was killed.
template <typename Call>
int under_filter(Call&& call) {
  const std::string& program = seccomp_program();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const sock_fprog filter{static_cast<unsigned short>(program.size() / 8),
                            const_cast<sock_filter*>(reinterpret_cast<const sock_filter*>(program.data()))};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(255);
    errno = 0;
    ::_exit(call() == -1 ? errno : 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

long map(int flags) { return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ? -1 : 0; }

TEST(SeccompFilter, IsSmallEnoughForTheKernel) {
  EXPECT_GT(seccomp_program().size(), 8U * 100);
  EXPECT_LE(seccomp_program().size(), 8U * BPF_MAXINSNS);
}

TEST(SeccompFilter, OrdinaryWorkPasses) {
  EXPECT_EQ(under_filter([] { return ::getpid() > 0 ? 0 : -1; }), 0);
  EXPECT_EQ(under_filter([] { return ::open("/dev/null", O_RDONLY); }), 0);
  EXPECT_EQ(under_filter([] { return map(MAP_PRIVATE | MAP_ANONYMOUS); }), 0);
  EXPECT_EQ(under_filter([] {
              const pid_t pid = ::fork();
              if (pid == 0) ::_exit(0);
              return ::waitpid(pid, nullptr, 0) == pid ? 0 : -1;
            }),
            0);
  EXPECT_EQ(under_filter([] { return ::socket(AF_INET, SOCK_STREAM, 0); }), 0);
  EXPECT_EQ(under_filter([] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }), 0);
}

TEST(SeccompFilter, CallsThatOnlyAnAttackMakesKill) {
  EXPECT_EQ(under_filter([] { return ::mount("x", "/nowhere", "tmpfs", 0, nullptr); }), -SIGSYS);
  EXPECT_EQ(under_filter([] { return ::setns(0, 0); }), -SIGSYS);
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_bpf, 0, nullptr, 0); }), -SIGSYS);
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_keyctl, 0, 0); }), -SIGSYS);
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_init_module, nullptr, 0, ""); }), -SIGSYS);
}

TEST(SeccompFilter, NewNamespacesAreRefusedByEveryDoor) {
  EXPECT_EQ(under_filter([] { return ::unshare(CLONE_NEWUSER); }), EPERM);
  for (int flag : {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    EXPECT_EQ(under_filter([flag] { return ::syscall(SYS_clone, flag | SIGCHLD, nullptr, nullptr, nullptr, 0); }), EPERM) << flag;
  }
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_clone3, nullptr, 0); }), ENOSYS) << "C libraries fall back to clone on ENOSYS alone";
}

TEST(SeccompFilter, TracingIsRefused) {
  EXPECT_EQ(under_filter([] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }), EPERM);
}

TEST(SeccompFilter, SocketsOfOtherFamiliesDoNotExist) {
  EXPECT_EQ(under_filter([] { return ::socket(AF_VSOCK, SOCK_STREAM, 0); }), ENOSYS);
  EXPECT_EQ(under_filter([] { return ::socket(AF_PACKET, SOCK_RAW, 0); }), ENOSYS);
  EXPECT_EQ(under_filter([] { return ::socket(AF_ALG, SOCK_SEQPACKET, 0); }), ENOSYS);
  EXPECT_EQ(under_filter([] { return ::socket(AF_NETLINK, SOCK_RAW, 0); }), 0) << "how programs list interfaces";
  EXPECT_EQ(under_filter([] { return ::socket(AF_NETLINK, SOCK_RAW, 9); }), ENOSYS);
  // The kernel takes an int; a filter that compares 64 bits with "not equal" would let this by.
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_socket, (1L << 32) | AF_VSOCK, SOCK_STREAM, 0); }), ENOSYS);
}

/// The send buffer of a new socket after asking for 4 MiB with these arguments, in KiB up to 250; errno when the call failed.
int send_buffer_after(long level, long option) {
  return under_filter([level, option] {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const int wanted = 4 << 20;
    const bool failed = ::syscall(SYS_setsockopt, fd, level, option, &wanted, sizeof wanted) != 0 && errno != ENOSYS;
    int size = 0;
    socklen_t length = sizeof size;
    ::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length);
    errno = failed ? errno : std::min(size / 1024, 250);
    return -1;
  });
}

TEST(SeccompFilter, BuffersOfSocketsStayAtTheDefault) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int size = 0;
  socklen_t length = sizeof size;
  ASSERT_EQ(::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
  ::close(fd);
  if (size / 1024 >= 250) GTEST_SKIP() << "the default of this machine is as large as the test can tell";
  EXPECT_EQ(send_buffer_after(SOL_SOCKET, SO_SNDBUF), size / 1024);
  EXPECT_EQ(send_buffer_after(SOL_SOCKET, SO_SNDBUF | (1L << 32)), size / 1024) << "the kernel ignores the upper half, the filter does not";
  EXPECT_EQ(send_buffer_after(SOL_SOCKET | (1L << 32), SO_SNDBUF), size / 1024);
}

TEST(SeccompFilter, OtherSocketOptionsWork) {
  const int one = 1;
  EXPECT_EQ(under_filter([&] { return ::setsockopt(::socket(AF_INET, SOCK_STREAM, 0), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); }), 0);
  EXPECT_EQ(
      under_filter([&] { return ::setsockopt(::socket(AF_INET, SOCK_STREAM, 0), IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one); }), 0);
  EXPECT_EQ(under_filter([&] { return ::setsockopt(::socket(AF_INET, SOCK_STREAM, 0), SOL_SOCKET, SO_SNDBUF, &one, sizeof one); }), 0);
}

TEST(SeccompFilter, MemoryThatBelongsToNoProcessIsRefused) {
  EXPECT_EQ(under_filter([] { return map(MAP_SHARED | MAP_ANONYMOUS); }), ENOMEM);
  EXPECT_EQ(under_filter([] { return map(MAP_SHARED_VALIDATE | MAP_ANONYMOUS); }), ENOMEM);
  EXPECT_EQ(under_filter([] { return map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB); }), ENOMEM);
  EXPECT_EQ(under_filter([] { return ::memfd_create("x", 0); }), ENOSYS);
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_shmget, 0, 4096, 0600); }), ENOSYS);
}

TEST(SeccompFilter, LimitsOfOtherProcessesAreOutOfReach) {
  EXPECT_EQ(under_filter([] {
              rlimit now{};
              return ::prlimit(0, RLIMIT_NOFILE, nullptr, &now);
            }),
            0);
  EXPECT_EQ(under_filter([] {
              rlimit now{};
              return ::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, &now);
            }),
            ENOSYS);
}

TEST(SeccompFilter, OnlyTcpAndUdpOfTheInternetFamilies) {
  for (int family : {AF_INET, AF_INET6}) {
    EXPECT_EQ(under_filter([family] { return ::socket(family, SOCK_STREAM, IPPROTO_TCP); }), 0);
    EXPECT_EQ(under_filter([family] { return ::socket(family, SOCK_DGRAM, 0); }), 0);
    EXPECT_EQ(under_filter([family] { return ::socket(family, SOCK_STREAM, 262); }), EPROTONOSUPPORT) << "MPTCP";
    EXPECT_EQ(under_filter([family] { return ::socket(family, SOCK_STREAM, 132); }), ENOSYS) << "SCTP";
    EXPECT_EQ(under_filter([family] { return ::syscall(SYS_socket, family, SOCK_STREAM, (1L << 32) | 262); }), ENOSYS);
  }
}

TEST(SeccompFilter, PipesStaySmallAndOtherCommandsOfFcntlWork) {
  const auto on_pipe = [](long command, long argument) {
    return under_filter([=] {
      int fds[2];
      if (::pipe(fds) != 0) return -1L;
      return ::syscall(SYS_fcntl, fds[0], command, argument) < 0 ? -1L : 0L;
    });
  };
  EXPECT_EQ(on_pipe(F_SETPIPE_SZ, 1 << 20), EPERM);
  EXPECT_EQ(on_pipe((1L << 32) | F_SETPIPE_SZ, 1 << 20), ENOSYS) << "the kernel ignores the upper half, the filter does not";
  EXPECT_EQ(on_pipe(F_GETPIPE_SZ, 0), 0);
  EXPECT_EQ(on_pipe(F_DUPFD_CLOEXEC, 0), 0);
  EXPECT_EQ(on_pipe(F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(on_pipe(F_NOTIFY, 1), ENOSYS);
}

TEST(SeccompFilter, WatchesOnSharedFilesAreRefused) {
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_inotify_init1, 0); }), ENOSYS);
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_fanotify_init, 0, 0); }), ENOSYS);
}

TEST(SeccompFilter, UnknownCallsDoNotExist) {
  EXPECT_EQ(under_filter([] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }), ENOSYS);
  EXPECT_EQ(under_filter([] { return ::syscall(9999); }), ENOSYS);
}

}  // namespace
}  // namespace aicoder::box
