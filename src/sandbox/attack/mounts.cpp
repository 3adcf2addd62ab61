// Changing what is mounted: the old calls and the new ones.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

int mount_tmpfs(const Args& args) {
  if (::mkdir("mine", 0755) != 0) return 2;
  attempt();
  return effect_if(args, ::mount("x", "mine", "tmpfs", 0, nullptr) == 0 && write_file("mine/file", args.nonce, O_CREAT));
}

/// The control writes to a file system of its own that it puts over /usr/local first.
int write_programs(const Args& args) {
  if (args.control && ::mount("x", "/usr/local", "tmpfs", 0, nullptr) != 0) return 2;
  attempt();
  return effect_if(args, write_file("/usr/local/made-by-attack", args.nonce, O_CREAT | O_EXCL) ||
                             write_file("/usr/bin/made-by-attack", args.nonce, O_CREAT | O_EXCL));
}

int mount_proc(const Args& args) {
  if (::mkdir("mine", 0755) != 0) return 2;
  attempt();
  return effect_if(args, ::mount("proc", "mine", "proc", 0, nullptr) == 0 && ::access("mine/self", F_OK) == 0);
}

int mount_bind(const Args& args) {
  if (::mkdir("mine", 0755) != 0) return 2;
  attempt();
  return effect_if(args, ::mount("/", "mine", nullptr, MS_BIND | MS_REC, nullptr) == 0);
}

/// Makes what is mounted read-only writable again.
int remount_writable(const Args& args) {
  const char* place = args.text(0);
  if (args.control) {  // in a box the mount is read-only already
    (void)::mount(place, place, nullptr, MS_BIND, nullptr);
    (void)::mount(nullptr, place, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr);
  }
  attempt();
  struct statvfs info{};
  const bool ok = ::mount(nullptr, place, nullptr, MS_BIND | MS_REMOUNT, nullptr) == 0;
  return effect_if(args, ok && ::statvfs(place, &info) == 0 && (info.f_flag & ST_RDONLY) == 0);
}

int unmount(const Args& args) {
  if (args.control) (void)::mount("x", args.text(0), "tmpfs", 0, nullptr);  // takes away what it put there
  attempt();
  return effect_if(args, ::umount2(args.text(0), MNT_DETACH) == 0);
}

int pivot(const Args& args) {
  if (::mkdir("root", 0755) != 0) return 2;
  if (args.control) (void)::mount("x", "root", "tmpfs", 0, nullptr);
  ::mkdir("root/old", 0755);
  attempt();
  return effect_if(args, ::syscall(SYS_pivot_root, "root", "root/old") == 0);
}

int new_mount_api(const Args& args) {
  if (::mkdir("mine", 0755) != 0) return 2;
  attempt();
  const int context = static_cast<int>(::syscall(SYS_fsopen, "tmpfs", 0));
  if (context < 0) return effect_if(args, false);
  constexpr int kCreate = 6;
  constexpr int kFromEmptyPath = 4;
  ::syscall(SYS_fsconfig, context, kCreate, nullptr, nullptr, 0);
  const int made = static_cast<int>(::syscall(SYS_fsmount, context, 0, 0));
  return effect_if(args, made >= 0 && ::syscall(SYS_move_mount, made, "", AT_FDCWD, "mine", kFromEmptyPath) == 0);
}

int open_tree(const Args& args) {
  attempt();
  constexpr unsigned kClone = 1, kRecursive = 0x8000;
  return effect_if(args, ::syscall(SYS_open_tree, AT_FDCWD, "/", kClone | kRecursive) >= 0);
}

struct MountAttributes {
  uint64_t set, clear, propagation, userns_fd;
};

int change_attributes(const Args& args) {
  const char* place = args.text(0);
  if (args.control) (void)::mount(place, place, nullptr, MS_BIND, nullptr);
  attempt();
  MountAttributes change{0, 1 /* MOUNT_ATTR_RDONLY */, 0, 0};
  return effect_if(args, ::syscall(442 /* mount_setattr */, AT_FDCWD, place, 0, &change, sizeof change) == 0);
}

/// The table of mounts of the host, by the calls of Linux 6.8.
int list_mounts(const Args& args) {
  struct {
    uint32_t size, spare;
    uint64_t mount_id, param, mount_namespace;
  } request{32, 0, ~uint64_t{0} /* LSMT_ROOT */, 0, 0};
  static uint64_t ids[256];
  attempt();
  return effect_if(args, ::syscall(458 /* listmount */, &request, ids, 256, 0) > 0);
}

constexpr Entry kEntries[] = {{"mount_tmpfs", mount_tmpfs},
                              {"write_programs", write_programs},
                              {"mount_proc", mount_proc},
                              {"mount_bind", mount_bind},
                              {"remount_writable", remount_writable},
                              {"unmount", unmount},
                              {"pivot", pivot},
                              {"new_mount_api", new_mount_api},
                              {"open_tree", open_tree},
                              {"change_attributes", change_attributes},
                              {"list_mounts", list_mounts}};

}  // namespace

Entries mount_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
