#include "sandbox/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "aicoder/core.h"

namespace aicoder::box {

UniqueFd memory_file(const char* name, std::string_view content, bool executable) {
  constexpr unsigned kMfdExec = 0x10;  // Linux 6.3; older kernels know neither the flag nor the sysctl that makes it needed
  UniqueFd fd;
  if (executable) fd.reset(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kMfdExec));
  if (!fd) fd.reset(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) throw Error(ErrorCode::kFailedPrecondition, std::string("[sandbox] cannot make a memory file: ") + std::strerror(errno));
  for (size_t done = 0; done < content.size();) {
    const ssize_t n = ::write(fd.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw Error(ErrorCode::kResourceExhausted, std::string("[sandbox] cannot fill a memory file: ") + std::strerror(errno));
    done += static_cast<size_t>(n);
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    throw Error(ErrorCode::kFailedPrecondition, std::string("[sandbox] cannot seal a memory file: ") + std::strerror(errno));
  }
  return fd;
}

}  // namespace aicoder::box
