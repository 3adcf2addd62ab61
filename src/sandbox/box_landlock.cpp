#include "sandbox/box_landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "sandbox/box_wire.h"

namespace aicoder::box {
namespace {

// Newer than the header of Debian 12 (which stops at ABI 2); numbers from the kernel's documentation of Landlock.
constexpr uint64_t kTruncate = uint64_t{1} << 14;       // ABI 3
constexpr uint64_t kIoctlDev = uint64_t{1} << 15;       // ABI 5
constexpr uint64_t kScopeAbstractSocket = uint64_t{1};  // ABI 6
constexpr uint64_t kScopeSignal = uint64_t{1} << 1;     // ABI 6
struct RulesetAttr {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};

constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kAbi1 = (uint64_t{LANDLOCK_ACCESS_FS_MAKE_SYM} << 1) - 1;

struct Supported {
  uint64_t fs;
  uint64_t scoped;
  unsigned long attr_bytes;
};

Supported supported(long abi) {
  uint64_t fs = kAbi1;
  if (abi >= 2) fs |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) fs |= kTruncate;
  if (abi >= 5) fs |= kIoctlDev;
  if (abi >= 6) return {fs, kScopeAbstractSocket | kScopeSignal, sizeof(RulesetAttr)};
  return {fs, 0, sizeof(uint64_t)};
}

int allow(int ruleset, const char* path, uint64_t access) {
  int fd = ::open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access;
  rule.parent_fd = fd;
  int error = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

}  // namespace

int restrict_with_landlock() {
  long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return 0;  // not built in or not enabled: the namespaces stand alone
  const Supported can = supported(abi);
  RulesetAttr attr{can.fs, 0, can.scoped};
  int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, can.attr_bytes, 0));
  if (ruleset < 0) return errno;

  // Reading is bounded by what is mounted; writing is bounded here as well.
  int error = allow(ruleset, "/", kRead);
  // Nothing in /proc either: among what a program may write there is the score by which the kernel ends the box first when memory runs out.
  const uint64_t read_write_file = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
  if (error == 0) error = allow(ruleset, "/dev", (read_write_file | LANDLOCK_ACCESS_FS_READ_DIR | kTruncate | kIoctlDev) & can.fs);
  if (error == 0) error = allow(ruleset, kScratch, can.fs);
  if (error == 0 && ::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) error = errno;
  ::close(ruleset);
  return error;
}

}  // namespace aicoder::box
