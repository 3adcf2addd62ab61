// Parts of the kernel that a program which only computes has no business with. The effect is that the part answers: what is reachable is
// what a hole in it could be used through.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/fanotify.h>
#include <sys/klog.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

volatile long word = 42;  // at the same address in a forked child

int trace_child(const Args& args) {
  const int child = waiting_child();
  attempt();
  bool traced = ::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0 && ::ptrace(PTRACE_INTERRUPT, child, nullptr, nullptr) == 0 &&
                ::waitpid(child, nullptr, __WALL) == child;
  if (traced) {
    errno = 0;
    traced = ::ptrace(PTRACE_PEEKDATA, child, const_cast<long*>(&word), nullptr) == 42 && errno == 0;
  }
  const int error = errno;
  end_child(child);
  errno = error;
  return effect_if(args, traced);
}

int trace_me(const Args& args) {
  attempt();
  return effect_if(args, ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0);
}

int trace_process(const Args& args) {
  attempt();
  const pid_t target = static_cast<pid_t>(args.number(0));
  const bool traced = ::ptrace(PTRACE_SEIZE, target, nullptr, nullptr) == 0;
  if (traced) ::ptrace(PTRACE_DETACH, target, nullptr, nullptr);
  return effect_if(args, traced);
}

int read_other_memory(const Args& args) {
  const int child = waiting_child();
  long seen = 0;
  const iovec local{&seen, sizeof seen}, remote{const_cast<long*>(&word), sizeof word};
  attempt();
  const bool read = ::process_vm_readv(child, &local, 1, &remote, 1, 0) == sizeof seen && seen == 42;
  const int error = errno;
  end_child(child);
  errno = error;
  return effect_if(args, read);
}

int write_other_memory(const Args& args) {
  const int child = waiting_child();
  long wanted = 43;
  const iovec local{&wanted, sizeof wanted}, remote{const_cast<long*>(&word), sizeof word};
  attempt();
  const bool wrote = ::process_vm_writev(child, &local, 1, &remote, 1, 0) == sizeof wanted;
  const int error = errno;
  end_child(child);
  errno = error;
  return effect_if(args, wrote);
}

int steal_descriptor(const Args& args) {
  const int child = waiting_child();
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  attempt();
  const bool stolen = ::syscall(SYS_pidfd_getfd, pidfd, 1, 0) >= 0;
  const int error = errno;
  end_child(child);
  errno = error;
  return effect_if(args, stolen);
}

int add_key(const Args& args) {
  attempt();
  char back[16] = {};
  const long key = ::syscall(SYS_add_key, "user", "aicoder-attack", "payload", 7, -2 /* process keyring */);
  return effect_if(args, key > 0 && ::syscall(SYS_keyctl, 11 /* READ */, key, back, sizeof back) == 7);
}

int session_keyring(const Args& args) {
  attempt();
  return effect_if(args, ::syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3 /* session */, 0) > 0);
}

int io_uring(const Args& args) {
  static char parameters[120];
  attempt();
  return effect_if(args, ::syscall(SYS_io_uring_setup, 4, parameters) >= 0);
}

int bpf_map(const Args& args) {
  bpf_attr wanted{};
  wanted.map_type = BPF_MAP_TYPE_ARRAY;
  wanted.key_size = wanted.value_size = 4;
  wanted.max_entries = 1;
  attempt();
  return effect_if(args, ::syscall(SYS_bpf, BPF_MAP_CREATE, &wanted, sizeof wanted) >= 0);
}

int perf_event(const Args& args) {
  perf_event_attr wanted{};
  wanted.size = sizeof wanted;
  wanted.type = PERF_TYPE_SOFTWARE;
  wanted.config = PERF_COUNT_SW_TASK_CLOCK;
  wanted.exclude_kernel = wanted.exclude_hv = 1;
  attempt();
  return effect_if(args, ::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0) >= 0);
}

int user_fault_fd(const Args& args) {
  attempt();
  return effect_if(args, ::syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* user mode only */) >= 0);
}

/// A call through the 32-bit door, whose numbers mean other calls: 20 is getpid there and writev here.
int call_of_32_bit(const Args& args) {
  const int self = ::getpid();
  attempt();
#if defined(__x86_64__)
  long result = 20;
  asm volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
  errno = static_cast<int>(-result);
  return effect_if(args, result == self);
#else
  (void)self;
  return effect_if(args, false);
#endif
}

int call_of_x32(const Args& args) {
  attempt();
  return effect_if(args, ::syscall(0x40000000 | SYS_getpid) == ::getpid());
}

int compare_processes(const Args& args) {
  const int child = waiting_child();
  attempt();
  const bool compared = ::syscall(SYS_kcmp, ::getpid(), child, 0, 1, 1) >= 0;
  const int error = errno;
  end_child(child);
  errno = error;
  return effect_if(args, compared);
}

int watch_files(const Args& args) {
  attempt();
  return effect_if(args, ::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | 0x200 /* FAN_REPORT_FID */, O_RDONLY) >= 0);
}

int read_kernel_log(const Args& args) {
  static char text[8192];
  attempt();
  return effect_if(args, ::klogctl(3 /* read all */, text, sizeof text) > 0);
}

int local_descriptor_table(const Args& args) {
  attempt();
#if defined(__x86_64__)
  struct {
    unsigned entry, base, limit, flags;
  } segment{0, 0, 0xfff, 0x51};
  return effect_if(args, ::syscall(SYS_modify_ldt, 1, &segment, sizeof segment) == 0);
#else
  return effect_if(args, false);
#endif
}

int move_pages(const Args& args) {
  attempt();
  void* page = const_cast<long*>(&word);
  int status = 0;
  return effect_if(args, ::syscall(SYS_move_pages, 0, 1L, &page, nullptr, &status, 0) == 0);
}

int advise_another(const Args& args) {
  const int child = waiting_child();
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  static char page[1 << 14];
  const iovec range{reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(page) + 4095) & ~uintptr_t{4095}), 4096};
  attempt();
  const bool advised = ::syscall(440 /* process_madvise */, pidfd, &range, 1L, 20 /* MADV_COLD */, 0) >= 0;
  const int error = errno;
  end_child(child);
  errno = error;
  return effect_if(args, advised);
}

int legacy_call(const Args& args) {
  attempt();
#if defined(SYS_sysfs)
  return effect_if(args, ::syscall(SYS_sysfs, 3) > 0);
#else
  return effect_if(args, false);
#endif
}

/// Sees which files of the host are being opened in a folder that both share.
int spy_on_files(const Args& args) {
  const int fd = static_cast<int>(::syscall(SYS_inotify_init1, O_CLOEXEC | O_NONBLOCK));
  attempt();
  if (fd < 0 || ::syscall(SYS_inotify_add_watch, fd, args.text(0), 0x20 /* IN_OPEN */) < 0) return effect_if(args, false);
  show("watching\n");
  alignas(8) char events[4096];
  for (int i = 0; i < 100; ++i) {
    if (::read(fd, events, sizeof events) > 0) return effect_if(args, true);
    sleep_ms(20);
  }
  return effect_if(args, false);
}

constexpr Entry kEntries[] = {{"trace_child", trace_child},
                              {"trace_me", trace_me},
                              {"trace_process", trace_process},
                              {"read_other_memory", read_other_memory},
                              {"write_other_memory", write_other_memory},
                              {"steal_descriptor", steal_descriptor},
                              {"add_key", add_key},
                              {"session_keyring", session_keyring},
                              {"io_uring", io_uring},
                              {"bpf_map", bpf_map},
                              {"perf_event", perf_event},
                              {"user_fault_fd", user_fault_fd},
                              {"call_of_32_bit", call_of_32_bit},
                              {"call_of_x32", call_of_x32},
                              {"compare_processes", compare_processes},
                              {"watch_files", watch_files},
                              {"read_kernel_log", read_kernel_log},
                              {"local_descriptor_table", local_descriptor_table},
                              {"move_pages", move_pages},
                              {"advise_another", advise_another},
                              {"legacy_call", legacy_call},
                              {"spy_on_files", spy_on_files}};

}  // namespace

Entries kernel_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
