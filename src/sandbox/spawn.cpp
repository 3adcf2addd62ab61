#include "sandbox/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "aicoder/core.h"

namespace aicoder::box {
namespace {

struct Plan {
  char* const* argv;
  const int* fds;
  int fd_count;
  bool drop;
  const char* const* lent_from;  // ended by a null pointer, as is lent_to
  const char* const* lent_to;
  int failed_errno;
};

/// Runs in the child, still as root.
bool lend(const Plan& plan) {
  if (*plan.lent_from == nullptr) return true;
  bool ok = ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 &&
            ::mount("aicoder-lent", lending_place(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") == 0;
  for (int i = 0; ok && plan.lent_from[i] != nullptr; ++i) {
    ok = ::mkdir(plan.lent_to[i], 0755) == 0 && ::mount(plan.lent_from[i], plan.lent_to[i], nullptr, MS_BIND | MS_REC, nullptr) == 0;
  }
  return ok;
}

/// What root sets, nobody without that right lowers again. Without it box_init sets the same, and Landlock keeps it.
void be_ended_first() {
  const long fd = ::syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  ::syscall(SYS_write, fd, "1000", 4);
  ::syscall(SYS_close, fd);
}

/// Runs in the memory of the parent, which stands still until execve: system calls only, and raw ones where the C library would involve
/// the parent's other threads (its setresuid does).
int child(void* argument) {
  auto& plan = *static_cast<Plan*>(argument);
  struct sigaction fresh{};
  fresh.sa_handler = SIG_DFL;
  for (int signal = 1; signal < 65; ++signal) ::sigaction(signal, &fresh, nullptr);
  bool ok = true;
  for (int i = 0; ok && i < plan.fd_count; ++i) ok = ::dup2(plan.fds[i], i) == i;
  ok = ok && ::syscall(SYS_close_range, plan.fd_count, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  ok = ok && ::syscall(SYS_chdir, "/") == 0;
  if (ok && plan.drop) {
    be_ended_first();
    ok = lend(plan) && ::syscall(SYS_setgroups, 0, nullptr) == 0 && ::syscall(SYS_setresgid, kBoxUser, kBoxUser, kBoxUser) == 0 &&
         ::syscall(SYS_setresuid, kBoxUser, kBoxUser, kBoxUser) == 0;
  }
  if (ok) {
    uint64_t no_signals = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof no_signals);
    char* no_env[] = {nullptr};
    ::execve(plan.argv[0], plan.argv, no_env);
  }
  plan.failed_errno = errno;
  ::_exit(127);
}

}  // namespace

uid_t box_user() { return ::geteuid() == 0 ? kBoxUser : ::geteuid(); }

const char* lending_place() {
  static const char* const place = [] {
    struct stat info{};
    for (const char* folder : {"/mnt", "/media", "/srv"}) {
      if (::lstat(folder, &info) == 0 && S_ISDIR(info.st_mode)) return folder;
    }
    return static_cast<const char*>(nullptr);
  }();
  return place;
}

Spawned spawn(const std::vector<std::string>& argv, const std::vector<int>& fds, const std::vector<std::string>& lent) {
  std::vector<std::string> words = argv;  // execve wants to be able to write
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  // Moved out of the way first, so that putting one in its place cannot close another.
  std::vector<UniqueFd> moved;
  std::vector<int> numbers;
  for (int fd : fds) {
    moved.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 64));
    if (!moved.back())
      throw Error(ErrorCode::kResourceExhausted, std::string("[sandbox] no descriptor left: ") + std::strerror(errno), "ulimit -n 4096");
    numbers.push_back(moved.back().get());
  }

  std::vector<std::string> places;
  places.reserve(lent.size());
  std::vector<const char*> from, to;
  if (!lent.empty() && lending_place() == nullptr)
    throw Error(ErrorCode::kFailedPrecondition, "[sandbox] no folder to lend at", "mkdir /mnt");
  for (size_t i = 0; i < lent.size(); ++i) places.push_back(std::string(lending_place()) + "/" + std::to_string(i));
  for (size_t i = 0; i < lent.size(); ++i) {
    from.push_back(lent[i].c_str());
    to.push_back(places[i].c_str());
  }
  from.push_back(nullptr);
  to.push_back(nullptr);

  Plan plan{arguments.data(), numbers.data(), static_cast<int>(numbers.size()), ::geteuid() == 0, from.data(), to.data(), 0};
  struct alignas(16) Stack {
    char bytes[64 << 10];
  };
  const auto stack = std::make_unique<Stack>();
  // No handler of this process may run in the child, which shares its memory.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  int pidfd = -1;
  const int pid = ::clone(child, stack->bytes + sizeof(Stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
  const int clone_errno = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    throw Error(ErrorCode::kResourceExhausted, std::string("[sandbox] cannot start a process: ") + std::strerror(clone_errno));
  }
  Spawned spawned{pid, UniqueFd(pidfd)};
  if (plan.failed_errno != 0) {
    ::waitpid(pid, nullptr, 0);
    throw Error(ErrorCode::kFailedPrecondition, "[sandbox] cannot start " + argv[0] + ": " + std::strerror(plan.failed_errno));
  }
  return spawned;
}

}  // namespace aicoder::box
