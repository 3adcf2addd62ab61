// Using up the machine. Each attack is capped by its arguments, so that the control outside does no harm; what it wants is above the limits
// of the box it is tried in. "effect" is said once all of it was had at the same time.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

/// Long enough that a watcher must have seen it.
void linger(const Args& args) { sleep_ms(args.number(1)); }

int processes(const Args& args) {
  attempt();
  const long wanted = args.number(0);
  long made = 0;
  for (; made < wanted; ++made) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(20);
      for (;;) ::pause();
    }
    if (pid < 0) break;
  }
  linger(args);
  ::signal(SIGTERM, SIG_IGN);
  ::kill(0, SIGTERM);
  return effect_if(args, made == wanted);
}

int dead_processes(const Args& args) {  // nobody waits for them
  attempt();
  const long wanted = args.number(0);
  long made = 0;
  for (; made < wanted; ++made) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    if (pid < 0) break;
  }
  linger(args);
  return effect_if(args, made == wanted);
}

/// As a real bomb does: every child forks too.
int fork_bomb(const Args& args) {
  ::alarm(10);
  attempt();
  long depth = 0;
  for (; depth < args.number(0); ++depth) {
    if (::fork() < 0) break;  // 2^depth processes, all of which go on
  }
  linger(args);
  const bool all = depth == args.number(0);
  while (::wait(nullptr) > 0) {
  }
  return all ? effect_if(args, true) : 1;
}

void* sleep_thread(void*) {
  for (;;) ::pause();
}

int threads(const Args& args) {
  attempt();
  const long wanted = args.number(0);
  long made = 0;
  pthread_attr_t small;
  ::pthread_attr_init(&small);
  ::pthread_attr_setstacksize(&small, 64 << 10);
  for (; made < wanted; ++made) {
    pthread_t thread{};
    if (::pthread_create(&thread, &small, sleep_thread, nullptr) != 0) break;
  }
  linger(args);
  return effect_if(args, made == wanted);
}

bool touch_memory(char* at, size_t size, size_t step) {
  if (at == MAP_FAILED) return false;
  for (size_t i = 0; i < size; i += step) at[i] = 1;
  return true;
}

int memory(const Args& args) {
  attempt();
  const size_t size = static_cast<size_t>(args.number(0)) << 20;
  char* at = static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  const bool ok = touch_memory(at, size, 4096);
  linger(args);
  return effect_if(args, ok);
}

int memory_of_many(const Args& args) {  // MIB LINGER PROCESSES: each a part
  attempt();
  const long parts = args.number(2);
  const size_t size = (static_cast<size_t>(args.number(0)) << 20) / static_cast<size_t>(parts);
  bool ok = true;
  for (long i = 0; i < parts; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      char* at = static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      const bool touched = touch_memory(at, size, 4096);
      linger(args);
      ::_exit(touched ? 0 : 1);
    }
    ok = ok && pid > 0;
  }
  for (long i = 0; i < parts; ++i) {
    int status = 1;
    ok = ::wait(&status) > 0 && status == 0 && ok;
  }
  return effect_if(args, ok);
}

int shared_memory(const Args& args) {  // stays allocated although but one page of it is mapped
  attempt();
  const size_t size = static_cast<size_t>(args.number(0)) << 20;
  char* at = static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const bool ok = touch_memory(at, size, 4096) && ::munmap(at + 4096, size - 4096) == 0;
  linger(args);
  return effect_if(args, ok);
}

int memory_file_full(const Args& args) {
  attempt();
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "x", 0));
  static char block[1 << 20];
  bool ok = fd >= 0;
  for (long i = 0; ok && i < args.number(0); ++i) ok = ::write(fd, block, sizeof block) == sizeof block;
  linger(args);
  return effect_if(args, ok);
}

/// One byte in each 2 MiB: as much memory in page tables as in pages.
int page_tables(const Args& args) {
  attempt();
  const size_t size = static_cast<size_t>(args.number(0)) << 21;
  char* at = static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (at != MAP_FAILED) ::madvise(at, size, MADV_NOHUGEPAGE);
  const bool ok = touch_memory(at, size, size_t{2} << 20);
  linger(args);
  return effect_if(args, ok);
}

/// Files in one folder: NUMBER LINGER KIB.
int files(const Args& args) {
  if (::mkdir("many", 0755) != 0 || ::chdir("many") != 0) return 2;
  attempt();
  static char block[1 << 20];
  const size_t size = static_cast<size_t>(args.number(2)) << 10;
  bool ok = true;
  for (long i = 0; ok && i < args.number(0); ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "%ld", i);
    const int fd = ::open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ok = fd >= 0 && ::write(fd, block, size) == static_cast<ssize_t>(size);
    ::close(fd);
  }
  linger(args);
  return effect_if(args, ok);
}

int big_file(const Args& args) {
  ::signal(SIGXFSZ, SIG_IGN);
  const int fd = ::open("big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  attempt();
  static char block[1 << 20];
  bool ok = fd >= 0;
  for (long i = 0; ok && i < args.number(0); ++i) ok = ::write(fd, block, sizeof block) == sizeof block;
  return effect_if(args, ok);
}

int sparse_file(const Args& args) {
  ::signal(SIGXFSZ, SIG_IGN);
  const int fd = ::open("sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  attempt();
  return effect_if(args, fd >= 0 && ::ftruncate(fd, off_t{1} << 40) == 0);
}

int reserved_file(const Args& args) {
  ::signal(SIGXFSZ, SIG_IGN);
  const int fd = ::open("reserved", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  attempt();
  return effect_if(args, fd >= 0 && ::fallocate(fd, 0, 0, args.number(0) << 20) == 0);
}

int flood(const Args& args) {  // MIB LINGER FD: no newline in all of it
  attempt();
  static char block[1 << 16];
  std::memset(block, 'x', sizeof block);
  for (long i = 0; i < args.number(0) * 16; ++i) {
    if (::write(static_cast<int>(args.number(2)), block, sizeof block) <= 0) break;
  }
  return 0;
}

int descriptors(const Args& args) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  attempt();
  long opened = 0;
  while (opened < args.number(0) && ::dup(0) >= 0) ++opened;
  return effect_if(args, opened == args.number(0));
}

/// Filled pipes of a size above the usual one: memory of no process.
int pipes(const Args& args) {  // PIPES LINGER
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  attempt();
  static char block[1 << 16];
  long held = 0;
  for (long i = 0; i < args.number(0); ++i) {
    int fds[2];
    if (::pipe2(fds, O_NONBLOCK) != 0) break;
    ::fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
    for (ssize_t n = 0; (n = ::write(fds[1], block, sizeof block)) > 0;) held += n;
  }
  linger(args);
  ::dprintf(1, "held %ld MiB\n", held >> 20);
  return effect_if(args, held >= args.number(2) << 20);
}

int sockets(const Args& args) {  // PAIRS LINGER
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  attempt();
  static char block[1 << 15];
  long held = 0;
  for (long i = 0; i < args.number(0); ++i) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0) break;
    for (int fd : fds) {
      const int wanted = 4 << 20;
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
      for (ssize_t n = 0; (n = ::write(fd, block, sizeof block)) > 0;) held += n;
    }
  }
  linger(args);
  return effect_if(args, held >= args.number(2) << 20);
}

int locked_memory(const Args& args) {
  attempt();
  const size_t size = static_cast<size_t>(args.number(0)) << 10;
  void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return effect_if(args, at != MAP_FAILED && ::mlock(at, size) == 0);
}

int queued_signals(const Args& args) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  attempt();
  long queued = 0;
  sigval value{};
  while (queued < args.number(0) && ::sigqueue(::getpid(), SIGRTMIN, value) == 0) ++queued;
  return effect_if(args, queued == args.number(0));
}

int core_dump(const Args& args) {
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  attempt();
  return effect_if(args, ::setrlimit(RLIMIT_CORE, &all) == 0);
}

constexpr Entry kEntries[] = {{"processes", processes},
                              {"dead_processes", dead_processes},
                              {"fork_bomb", fork_bomb},
                              {"threads", threads},
                              {"memory", memory},
                              {"memory_of_many", memory_of_many},
                              {"shared_memory", shared_memory},
                              {"memory_file_full", memory_file_full},
                              {"page_tables", page_tables},
                              {"files", files},
                              {"big_file", big_file},
                              {"sparse_file", sparse_file},
                              {"reserved_file", reserved_file},
                              {"flood", flood},
                              {"descriptors", descriptors},
                              {"pipes", pipes},
                              {"sockets", sockets},
                              {"locked_memory", locked_memory},
                              {"queued_signals", queued_signals},
                              {"core_dump", core_dump}};

}  // namespace

Entries resource_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
