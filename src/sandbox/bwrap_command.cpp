#include "sandbox/bwrap_command.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "sandbox/box_wire.h"

namespace aicoder::box {
namespace fs = std::filesystem;

const std::vector<EtcFile>& etc_files() {
  static const std::vector<EtcFile> files = {
      {"/etc/passwd", "box:x:65534:65534:box:/box/home:/bin/sh\n"},
      {"/etc/group", "box:x:65534:\n"},
      {"/etc/hosts", "127.0.0.1 localhost box\n::1 localhost\n"},
      {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
  };
  return files;
}

std::vector<std::string> bwrap_command(const BwrapPlan& plan) {
  std::vector<std::string> argv = {plan.bwrap.string()};
  const auto add = [&argv](std::initializer_list<std::string> words) { argv.insert(argv.end(), words); };
  const std::string scratch = kScratch;

  add({"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"});
  // A second user namespace on top of the one that owns the mounts: in it no capability can be had, and no third one can be made.
  add({"--disable-userns", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "box"});
  // Process 1 is ours (box_init), not bubblewrap's.
  add({"--die-with-parent", "--new-session", "--as-pid-1"});

  add({"--ro-bind", "/usr", "/usr"});
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const fs::path path = fs::path("/") / name;
    std::error_code ignored;
    if (fs::is_symlink(path, ignored)) {
      add({"--symlink", fs::read_symlink(path, ignored).string(), path.string()});
    } else if (fs::is_directory(path, ignored)) {
      add({"--ro-bind", path.string(), path.string()});
    }
  }
  for (const char* path : {"/etc/ld.so.cache", "/etc/alternatives"}) add({"--ro-bind-try", path, path});
  for (size_t i = 0; i < etc_files().size(); ++i) {
    add({"--perms", "0444", "--file", std::to_string(plan.first_etc_fd + static_cast<int>(i)), etc_files()[i].path});
  }

  add({"--proc", "/proc"});
  // By hand, because --dev gives a writable folder without a size. No /dev/zero: mapped shared it is memory that belongs to no process.
  add({"--tmpfs", "/dev"});
  for (const char* device : {"/dev/null", "/dev/full", "/dev/random", "/dev/urandom"}) add({"--dev-bind", device, device});
  add({"--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/proc/self/fd/0", "/dev/stdin"});
  add({"--symlink", "/proc/self/fd/1", "/dev/stdout", "--symlink", "/proc/self/fd/2", "/dev/stderr"});
  add({"--symlink", scratch + "/" + kShmName, "/dev/shm"});

  // The only place that can be written: one tmpfs, so that one size holds for the working folder, /tmp and /dev/shm together.
  add({"--size", std::to_string(plan.scratch_bytes), "--tmpfs", scratch});
  add({"--dir", scratch + "/" + kTmpName, "--symlink", scratch.substr(1) + "/" + kTmpName, "/tmp"});
  for (const BwrapPlan::Shown& shown : plan.read_only) add({"--ro-bind", shown.from.string(), shown.at.string()});
  add({"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", scratch, "--", "/proc/self/fd/" + std::to_string(kImageFd)});
  return argv;
}

fs::path find_bwrap() {
  if (const char* chosen = std::getenv("AICODER_BWRAP")) return ::access(chosen, X_OK) == 0 ? fs::absolute(chosen) : fs::path();
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path != nullptr ? path : "") + ":/usr/bin:/usr/local/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (folder.empty() || folder.front() != '/') continue;
    const fs::path program = fs::path(folder) / "bwrap";
    std::error_code ignored;
    if (fs::is_regular_file(program, ignored) && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return {};
}

}  // namespace aicoder::box
