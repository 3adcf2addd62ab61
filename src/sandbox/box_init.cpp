// Process 1 of every box: a small static program that the library carries inside itself and bubblewrap starts. It hands the host
// the scratch folder and /proc of the box, waits for the word, starts the untrusted program under limits, Landlock and seccomp, and
// reports how it ended. Its exit ends every process of the box (the kernel does that), daemons included.
//
// It shares the user id with the untrusted program, so it is not dumpable: the program can neither trace it nor open its
// descriptors, and no signal from inside a PID namespace reaches process 1.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "sandbox/box_landlock.h"
#include "sandbox/box_wire.h"

namespace {

using namespace aicoder::box;

void tell(BoxMessage message) { (void)!::send(kControlFd, &message, sizeof message, MSG_NOSIGNAL); }

[[noreturn]] void broken(const char* step) {
  BoxMessage message{};
  message.event = BoxEvent::kBroken;
  message.value = errno;
  std::strncpy(message.step, step, sizeof message.step - 1);
  tell(message);
  ::_exit(125);
}

void tell_ready(int scratch, int proc) {
  BoxMessage message{};
  message.event = BoxEvent::kReady;
  iovec data{&message, sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const int fds[2] = {scratch, proc};
  std::memcpy(CMSG_DATA(control), fds, sizeof fds);
  if (::sendmsg(kControlFd, &header, MSG_NOSIGNAL) < 0) ::_exit(125);
}

struct Setup {
  const BoxSetup* head;
  sock_filter* filter;
  char** argv;
  char** env;
};

char** texts(char*& at, uint64_t count) {
  auto** list = static_cast<char**>(std::calloc(  // NOLINT(cppcoreguidelines-no-malloc): no C++ library in this program
      count + 1, sizeof(char*)));
  if (list == nullptr) broken("memory");
  for (uint64_t i = 0; i < count; ++i) {
    list[i] = at;
    at += std::strlen(at) + 1;
  }
  return list;
}

Setup read_setup() {
  struct stat info{};
  if (::fstat(kSetupFd, &info) != 0) broken("setup");
  void* base = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ | PROT_WRITE, MAP_PRIVATE, kSetupFd, 0);
  if (base == MAP_FAILED) broken("setup");
  Setup setup{};
  setup.head = static_cast<BoxSetup*>(base);
  char* at = static_cast<char*>(base) + sizeof(BoxSetup);
  setup.filter = reinterpret_cast<sock_filter*>(at);
  at += setup.head->filter_count * sizeof(sock_filter);
  setup.argv = texts(at, setup.head->argv_count);
  setup.env = texts(at, setup.head->env_count);
  return setup;
}

void make_folder(const char* name, mode_t mode) {
  if (::mkdir(name, mode) != 0 && errno != EEXIST) broken("scratch folders");
  if (::chmod(name, mode) != 0) broken("scratch folders");
}

void limit(int resource, uint64_t value) {
  // Never above what the box was started with: raising a hard limit is not ours to do.
  rlimit now{};
  const auto which = static_cast<__rlimit_resource_t>(resource);
  if (::getrlimit(which, &now) != 0) broken("getrlimit");
  if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max) value = now.rlim_max;
  const rlimit wanted{value, value};
  if (::setrlimit(which, &wanted) != 0) broken("setrlimit");
}

/// The rest of the child's life before execve: everything here binds the program and all it starts.
[[noreturn]] void become_program(const Setup& setup, int report_fd) {
  for (int signal = 1; signal < 65; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::chdir(kWorkName) != 0) broken("working folder");

  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, setup.head->file_bytes);
  limit(RLIMIT_CPU, setup.head->cpu_seconds);
  limit(RLIMIT_MEMLOCK, 64 << 10);
  // No RLIMIT_AS or RLIMIT_DATA: an allocation that fails looks like a bug of the program, one that is used up gets the verdict MLE.
  limit(RLIMIT_MSGQUEUE, 0);
  limit(RLIMIT_SIGPENDING, 1024);
  limit(RLIMIT_NOFILE, 256);
  // Counted per user namespace (Linux 5.14), so other processes of the same host user do not eat into it.
  limit(RLIMIT_NPROC, setup.head->max_tasks);

  errno = restrict_with_landlock();
  if (errno != 0) broken("landlock");
  const sock_fprog program{static_cast<unsigned short>(setup.head->filter_count), setup.filter};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) broken("seccomp");

  ::environ = setup.env;
  ::execvp(setup.argv[0], setup.argv);
  const int error = errno;
  (void)!::write(report_fd, &error, sizeof error);
  ::_exit(127);
}

/// Processes of the box, dead ones that were not waited for included, without this one.
int64_t count_processes(int proc) {
  alignas(8) char buffer[1 << 15];
  int64_t count = -1;
  ::lseek(proc, 0, SEEK_SET);
  for (long size = 0; (size = ::syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < size;) {
      unsigned short length = 0;
      std::memcpy(&length, buffer + at + 16, sizeof length);  // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name
      const char first = buffer[at + 19];
      if (first >= '1' && first <= '9') ++count;
      at += length;
    }
  }
  return count;
}

void wait_for_go() {
  BoxMessage message{};
  const ssize_t got = ::recv(kControlFd, &message, sizeof message, 0);
  if (got != static_cast<ssize_t>(sizeof message) || message.event != BoxEvent::kGo) ::_exit(125);  // the host is gone
}

}  // namespace

int main() {
  ::close_range(kControlFd, ~0U, CLOSE_RANGE_CLOEXEC);
  ::prctl(PR_SET_NAME, "aicoder-box");
  // When the machine runs out of memory, the box is what the kernel ends first.
  int oom = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (oom >= 0) {
    (void)!::write(oom, "1000", 4);
    ::close(oom);
  }
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) broken("dumpable");
  ::umask(022);
  if (::chdir(kScratch) != 0) broken("scratch");
  make_folder(kWorkName, 0755);
  make_folder(kHomeName, 0755);
  make_folder(kTmpName, 01777);
  make_folder(kShmName, 01777);
  const int scratch = ::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (scratch < 0 || proc < 0) broken("open scratch and /proc");
  const Setup setup = read_setup();

  sigset_t child_signal;
  ::sigemptyset(&child_signal);
  ::sigaddset(&child_signal, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_signal, nullptr);
  const int signals = ::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  int report[2];
  if (signals < 0 || ::pipe2(report, O_CLOEXEC) != 0) broken("pipe");

  tell_ready(scratch, proc);
  ::close(scratch);
  wait_for_go();

  const pid_t program = ::fork();
  if (program < 0) broken("fork");
  if (program == 0) become_program(setup, report[1]);
  ::close(report[1]);
  // The program's streams must end when the program's own processes close them.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) broken("/dev/null");
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);

  int error = 0;
  if (::read(report[0], &error, sizeof error) == static_cast<ssize_t>(sizeof error)) {
    BoxMessage message{};
    message.event = BoxEvent::kExecFailed;
    message.value = error;
    tell(message);
    ::_exit(0);
  }

  int64_t peak = 0;
  for (;;) {
    pollfd waiting[2] = {{signals, POLLIN, 0}, {kControlFd, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) broken("poll");
    if (waiting[1].revents != 0) ::_exit(125);  // the host closed its end or died: end the box
    signalfd_siginfo drained{};
    while (::read(signals, &drained, sizeof drained) > 0) {
    }
    for (;;) {
      // A fork bomb can flare up and fail between two looks of the host; what it left (dead processes nobody waited for) is still here.
      const int64_t now = count_processes(proc);
      if (now > peak) peak = now;
      int status = 0;
      const pid_t ended = ::waitpid(-1, &status, WNOHANG);
      if (ended <= 0) break;
      if (ended != program) continue;
      rusage used{};
      ::getrusage(RUSAGE_CHILDREN, &used);
      BoxMessage message{};
      message.event = BoxEvent::kEnded;
      message.value = status;
      message.cpu_us = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
      message.max_rss_kib = used.ru_maxrss;
      message.peak_processes = peak;
      tell(message);
      ::_exit(0);
    }
  }
}
