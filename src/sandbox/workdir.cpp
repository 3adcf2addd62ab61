#include "sandbox/workdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "aicoder/core.h"
#include "sandbox/box_wire.h"

namespace aicoder::box {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxEntries = 50'000;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

/// While it lives, this thread makes files as the box's user. The box's tmpfs belongs to a user namespace in which root of the host does
/// not exist, so that root cannot make files there (EOVERFLOW). Only this thread changes, and only in what files see.
class AsOwner {
 public:
  explicit AsOwner(uid_t owner) : active_(::geteuid() != owner), uid_(::geteuid()), gid_(::getegid()) {
    if (!active_) return;
    ::setfsgid(owner);
    ::setfsuid(owner);
  }
  ~AsOwner() {
    if (!active_) return;
    ::setfsuid(uid_);
    ::setfsgid(gid_);
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;

 private:
  bool active_;
  uid_t uid_;
  gid_t gid_;
};

[[noreturn]] void refuse(const std::string& doing, const std::string& place, int error) {
  const std::string message = "[sandbox] cannot " + doing + " '" + place + "': " + std::strerror(error);
  switch (error) {
    case ENOENT:
      throw Error(ErrorCode::kNotFound, message);
    case EACCES:
    case EPERM:
      throw Error(ErrorCode::kPermissionDenied, message);
    case ENOSPC:
      throw Error(ErrorCode::kResourceExhausted, message, "raise SandboxLimits::scratch_bytes or leave build products out");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      throw Error(ErrorCode::kResourceExhausted, message);
    default:
      throw Error(ErrorCode::kInvalidArgument, message);
  }
}

/// openat2 that never leaves `dir` and follows no symbolic link at all.
UniqueFd open_beneath(int dir, const std::string& path, int flags, mode_t mode = 0) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how)));
}

void write_all(int fd, const char* data, size_t size, const std::string& place) {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse("write", place, errno);
    data += n;
    size -= static_cast<size_t>(n);
  }
}

template <typename Visit>  // visit(name)
void for_each_entry(int folder, const std::string& place, Visit&& visit) {
  const int fd = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) refuse("list", place, errno);
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd));
  if (!dir) refuse("list", place, errno);
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(entry->d_name);
  }
}

bool holds_file_of(int folder, uint64_t bytes, int depth) {
  bool found = false;
  if (depth > kMaxDepth) return false;
  try {
    for_each_entry(folder, "", [&](const char* name) {
      struct stat info{};
      if (found || ::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
      if (S_ISREG(info.st_mode)) found = static_cast<uint64_t>(info.st_size) == bytes;
      if (!S_ISDIR(info.st_mode)) return;
      const UniqueFd below(::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (below) found = holds_file_of(below.get(), bytes, depth + 1);
    });
  } catch (const Error&) {
    return found;  // a folder the program made unreadable
  }
  return found;
}

}  // namespace

void check_inside(const std::string& path, const char* what) {
  const std::filesystem::path parsed(path);
  bool inside = !path.empty() && parsed.is_relative() && path.find('\0') == std::string::npos && parsed.has_filename() && path != ".";
  for (const auto& part : parsed) inside = inside && part != "..";
  if (!inside) {
    throw Error(ErrorCode::kInvalidArgument,
                "[sandbox] " + std::string(what) + " must be a path inside the working folder, found '" + path + "'",
                "give a relative path without '..'");
  }
}

struct Workdir::Copy {
  std::string root;
  uint64_t bytes = 0;
  size_t entries = 0;
};

Workdir::Workdir(int scratch_fd, uint64_t limit_bytes, uid_t owner) : scratch_fd_(scratch_fd), limit_bytes_(limit_bytes), owner_(owner) {
  work_.reset(::openat(scratch_fd, kWorkName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!work_) refuse("open", kWorkName, errno);
}

void Workdir::copy_in(const std::filesystem::path& source) {
  const UniqueFd from(::open(source.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!from) refuse("open", source.string(), errno);
  Copy copy{source.string()};
  copy_folder(copy, from.get(), work_.get(), source.string(), 0);
}

void Workdir::copy_folder(Copy& copy, int from, int to, const std::string& place, int depth) {
  if (depth > kMaxDepth) {
    throw Error(ErrorCode::kResourceExhausted, "[sandbox] '" + place + "' is more than " + std::to_string(kMaxDepth) + " folders deep");
  }
  for_each_entry(from, place, [&](const char* name) {
    if (++copy.entries > kMaxEntries) {
      throw Error(ErrorCode::kResourceExhausted,
                  "[sandbox] '" + copy.root + "' holds more than " + std::to_string(kMaxEntries) + " entries",
                  "copy only what the run needs");
    }
    const std::string here = place + "/" + name;
    struct stat info{};
    if (::fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;  // gone since it was listed
      refuse("read", here, errno);
    }
    if (S_ISREG(info.st_mode)) {
      copy_file(copy, from, to, name, here, info.st_mode);
    } else if (S_ISLNK(info.st_mode)) {
      // As it is: in the box it leads to what the box has there, on the host nobody follows it.
      char target[4096];
      const ssize_t size = ::readlinkat(from, name, target, sizeof target - 1);
      if (size < 0) refuse("read", here, errno);
      target[size] = '\0';
      const AsOwner as_owner(owner_);
      if (::symlinkat(target, to, name) != 0) refuse("copy", here, errno);
    } else if (S_ISDIR(info.st_mode)) {
      const UniqueFd below(::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!below) refuse("open", here, errno);
      UniqueFd made;
      {
        const AsOwner as_owner(owner_);
        if (::mkdirat(to, name, 0755) != 0) refuse("copy", here, errno);
        made.reset(::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      }
      if (!made) refuse("copy", here, errno);
      copy_folder(copy, below.get(), made.get(), here, depth + 1);
    }
  });
}

void Workdir::copy_file(Copy& copy, int from, int to, const char* name, const std::string& place, mode_t mode) const {
  // O_NONBLOCK: were it replaced by a pipe since it was looked at, opening must not hang.
  const UniqueFd in(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!in) refuse("read", place, errno);
  UniqueFd out;
  {
    const AsOwner as_owner(owner_);
    out.reset(::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) refuse("copy", place, errno);
    // The box has one user: what anybody may execute, it may.
    ::fchmod(out.get(), (mode & 0111) != 0 ? 0755 : 0644);
  }
  std::vector<char> buffer(1 << 16);
  for (;;) {
    const ssize_t n = ::read(in.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse("read", place, errno);
    if (n == 0) return;
    copy.bytes += static_cast<uint64_t>(n);
    if (copy.bytes > limit_bytes_) {
      throw Error(ErrorCode::kResourceExhausted,
                  "[sandbox] '" + copy.root + "' holds more than the " + std::to_string(limit_bytes_) + " bytes of scratch space",
                  "raise SandboxLimits::scratch_bytes or leave build products out");
    }
    write_all(out.get(), buffer.data(), static_cast<size_t>(n), place);
  }
}

void Workdir::write(const std::string& path, const std::string& content) {
  check_inside(path, "a file");
  if (content.size() > limit_bytes_) {
    throw Error(
        ErrorCode::kResourceExhausted,
        "[sandbox] '" + path + "' holds " + std::to_string(content.size()) + " bytes, the scratch space " + std::to_string(limit_bytes_),
        "raise SandboxLimits::scratch_bytes");
  }
  const AsOwner as_owner(owner_);
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (open_beneath(work_.get(), folder, O_PATH | O_DIRECTORY)) continue;
    if (errno != ENOENT) refuse("make the folder", folder, errno);
    const size_t last = folder.rfind('/');
    const UniqueFd parent = open_beneath(work_.get(), last == std::string::npos ? "." : folder.substr(0, last), O_PATH | O_DIRECTORY);
    const std::string name = last == std::string::npos ? folder : folder.substr(last + 1);
    if (!parent || ::mkdirat(parent.get(), name.c_str(), 0755) != 0) refuse("make the folder", folder, errno);
  }
  const UniqueFd out = open_beneath(work_.get(), path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!out) refuse("write", path, errno);
  write_all(out.get(), content.data(), content.size(), path);
}

std::string Workdir::read(const std::string& path) const {
  check_inside(path, "an output");
  const UniqueFd in = open_beneath(work_.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!in && (errno == ELOOP || errno == EXDEV)) {
    throw Error(ErrorCode::kPermissionDenied, "[sandbox] '" + path + "' is or leads through a symbolic link");
  }
  if (!in) refuse("read", path, errno);
  struct stat info{};
  if (::fstat(in.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    throw Error(ErrorCode::kPermissionDenied, "[sandbox] '" + path + "' is not a regular file");
  }
  // A sparse file can claim any size; one that is larger than the scratch space is mostly holes.
  if (static_cast<uint64_t>(info.st_size) > limit_bytes_) {
    throw Error(ErrorCode::kPermissionDenied, "[sandbox] '" + path + "' claims " + std::to_string(info.st_size) + " bytes");
  }
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::pread(in.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  content.resize(done);
  return content;
}

Workdir::Usage Workdir::usage() const {
  struct statfs info{};
  if (::fstatfs(scratch_fd_, &info) != 0) return {};
  return {info.f_files - info.f_ffree, info.f_bfree == 0};
}

bool Workdir::has_file_of(uint64_t bytes) const { return holds_file_of(scratch_fd_, bytes, 0); }

}  // namespace aicoder::box
