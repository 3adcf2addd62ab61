#include "sandbox/attack/program.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace aicoder::attack {

long Args::number(int i) const { return std::strtol(text(i), nullptr, 10); }

void show(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(1, at, size);
    if (n <= 0) return;
    at += n;
    size -= static_cast<size_t>(n);
  }
}
void show(const char* text) { show(text, std::strlen(text)); }
void attempt() {
  show("attempt\n");
  errno = 0;
}

int effect_if(const Args& args, bool happened) {
  if (!happened) {
    ::dprintf(1, "no effect: %s\n", errno != 0 ? std::strerror(errno) : "it is not so here");
    return 1;
  }
  ::dprintf(1, "effect %s\n", args.nonce);
  return 0;
}

int show_all(int fd) {
  static char buffer[1 << 16];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n <= 0) return 1;
  show(buffer, static_cast<size_t>(n));
  return 0;
}

int show_file(int folder, const char* path) {
  const int fd = ::openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 1;
  const int result = show_all(fd);
  ::close(fd);
  return result;
}

bool write_file(const char* path, const char* text, int flags) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
  if (fd < 0) return false;
  const bool ok = ::write(fd, text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text));
  ::close(fd);
  return ok;
}

void sleep_ms(long ms) {
  timespec left{ms / 1000, ms % 1000 * 1'000'000};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

long status_number(const char* path, const char* name, int base) {
  static char buffer[8192];
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t n = ::read(fd, buffer, sizeof buffer - 1);
  ::close(fd);
  if (n <= 0) return -1;
  buffer[n] = '\0';
  const char* at = std::strstr(buffer, name);
  return at == nullptr ? -1 : std::strtol(at + std::strlen(name), nullptr, base);
}

int waiting_child() {
  const int pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  return pid;
}

void end_child(int pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

namespace {

int run(const char* name, const Args& args) {
  const Entries groups[] = {file_attacks(),     mount_attacks(),       proc_attacks(),    privilege_attacks(),
                            kernel_attacks(),   memory_call_attacks(), network_attacks(), ipc_attacks(),
                            terminal_attacks(), resource_attacks(),    time_attacks()};
  for (const Entries& group : groups) {
    for (size_t i = 0; i < group.count; ++i) {
      if (std::strcmp(group.first[i].name, name) == 0) return group.first[i].run(args);
    }
  }
  ::dprintf(2, "no attack '%s'\n", name);
  return 64;
}

/// Namespaces of its own with all capabilities in them and nothing of the host to break: where dangerous attacks have their control.
int in_namespace(const char* name, const Args& args) {
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) return 65;
  char map[64];
  std::snprintf(map, sizeof map, "0 %u 1", uid);
  if (!write_file("/proc/self/setgroups", "deny", 0) || !write_file("/proc/self/uid_map", map, 0)) return 66;
  std::snprintf(map, sizeof map, "0 %u 1", gid);
  if (!write_file("/proc/self/gid_map", map, 0) || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 67;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);  // its own, where the host allows it
    // One more, so that the attack is not process 1, which no signal from inside reaches.
    const pid_t attacker = ::fork();
    if (attacker == 0) ::_exit(run(name, args));
    int status = 0;
    while (::waitpid(attacker, &status, 0) < 0 && errno == EINTR) {
    }
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace
}  // namespace aicoder::attack

int main(int argc, char** argv) {
  using namespace aicoder::attack;
  const bool wrapped = argc > 1 && std::strcmp(argv[1], "in-namespace") == 0;
  const int first = wrapped ? 2 : 1;
  if (argc < first + 2) {
    ::dprintf(2, "usage: attacker [in-namespace] ATTACK NONCE [argument...]\n");
    return 64;
  }
  const Args args{argc - first - 2, argv + first + 2, argv[first + 1], wrapped};
  return wrapped ? in_namespace(argv[first], args) : run(argv[first], args);
}
