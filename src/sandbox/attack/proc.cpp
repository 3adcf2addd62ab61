// /proc and /sys: other processes, the kernel's settings, what the machine is.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

/// Shows one file of every process.
int scan(const char* name) {
  attempt();
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return 1;
  while (const dirent* entry = ::readdir(proc)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    char path[300];
    std::snprintf(path, sizeof path, "/proc/%s/%s", entry->d_name, name);
    show_file(AT_FDCWD, path);
  }
  ::closedir(proc);
  return 0;
}

int scan_environ(const Args&) { return scan("environ"); }
int scan_cmdline(const Args&) { return scan("cmdline"); }

int read_memory(const Args& args) {
  attempt();
  char path[64], secret[64] = {};
  std::snprintf(path, sizeof path, "/proc/%s/mem", args.text(0));
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return effect_if(args, false);
  const ssize_t n = ::pread(fd, secret, sizeof secret - 1, static_cast<off_t>(std::strtoull(args.text(1), nullptr, 16)));
  if (n > 0) show(secret);
  return 0;
}

/// Writes what is there already, so that nothing changes where it works.
int write_same(const Args& args) {
  static char value[4096];
  const int in = ::open(args.text(0), O_RDONLY | O_CLOEXEC);
  const ssize_t n = in < 0 ? 0 : ::read(in, value, sizeof value - 1);
  attempt();
  if (n <= 0) std::strcpy(value, "core\n");
  return effect_if(args, write_file(args.text(0), value, 0));
}

int open_for_writing(const Args& args) {
  attempt();
  return effect_if(args, ::open(args.text(0), O_WRONLY | O_CLOEXEC) >= 0);
}

int set_network_option(const Args& args) {
  attempt();
  const char* path = "/proc/sys/net/ipv4/ip_default_ttl";
  char now[16] = {};
  const bool wrote = write_file(path, "77", 0);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  return effect_if(args, wrote && fd >= 0 && ::read(fd, now, sizeof now - 1) > 0 && std::atoi(now) == 77);
}

/// The first thing that is ended when memory runs out makes itself one of many. Works outside only where the value was raised before.
int lower_oom_score(const Args& args) {
  const char* path = "/proc/self/oom_score_adj";
  write_file(path, "1000", 0);  // as the box does; in it this changes nothing
  attempt();
  char now[16] = {};
  const bool wrote = write_file(path, "0", 0);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  return effect_if(args, wrote && fd >= 0 && ::read(fd, now, sizeof now - 1) > 0 && std::atoi(now) < 1000);
}

/// As runc's CVE-2019-5736: the program file of a process that watches over us, opened through /proc and overwritten.
int overwrite_program(const Args& args) {
  char path[64], again[64];
  std::snprintf(path, sizeof path, "/proc/%s/exe", args.text(0));
  attempt();
  const int held = ::open(path, O_PATH | O_CLOEXEC);
  if (held < 0) return effect_if(args, false);
  if (args.number(0) > 1) end_child(static_cast<int>(args.number(0)));  // a program that runs cannot be written
  std::snprintf(again, sizeof again, "/proc/self/fd/%d", held);
  for (int i = 0; i < 200; ++i) {
    if (write_file(again, args.nonce, 0)) return effect_if(args, true);
    sleep_ms(10);
  }
  return effect_if(args, false);
}

int mkdir_path(const Args& args) {
  attempt();
  const bool made = ::mkdir(args.text(0), 0755) == 0;
  if (made) ::rmdir(args.text(0));
  return effect_if(args, made);
}

int read_kernel_core(const Args& args) {
  attempt();
  char head[4] = {};
  const int fd = ::open("/proc/kcore", O_RDONLY | O_CLOEXEC);
  return effect_if(args, fd >= 0 && ::read(fd, head, 4) == 4 && std::memcmp(head, "\177ELF", 4) == 0);
}

/// Another network interface than the loopback one of our own namespace.
int find_interfaces(const Args& args) {
  attempt();
  static char text[1 << 16];
  const int fd = ::open("/proc/net/dev", O_RDONLY | O_CLOEXEC);
  const ssize_t n = fd < 0 ? 0 : ::read(fd, text, sizeof text - 1);
  int found = 0;
  for (ssize_t i = 0; i < n; ++i) found += text[i] == ':' ? 1 : 0;
  return effect_if(args, found > 1);
}

constexpr Entry kEntries[] = {{"scan_environ", scan_environ},
                              {"scan_cmdline", scan_cmdline},
                              {"read_memory", read_memory},
                              {"write_same", write_same},
                              {"open_for_writing", open_for_writing},
                              {"set_network_option", set_network_option},
                              {"lower_oom_score", lower_oom_score},
                              {"overwrite_program", overwrite_program},
                              {"mkdir_path", mkdir_path},
                              {"read_kernel_core", read_kernel_core},
                              {"find_interfaces", find_interfaces}};

}  // namespace

Entries proc_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
