#include "store/model_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "aicoder/core.h"

namespace aicoder::store {
namespace {

int open_lock_file(const std::filesystem::path& file) {
  std::error_code folder_error;
  std::filesystem::create_directories(file.parent_path(), folder_error);
  const int fd = folder_error ? -1 : ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) {
    const std::string reason = folder_error ? folder_error.message() : std::strerror(errno);
    throw Error(ErrorCode::kPermissionDenied, fmt::format("[pull] cannot make the lock {}: {}", file.string(), reason),
                "make the folder writable, or set $AICODER_HOME to one that is");
  }
  return fd;
}

bool try_lock(int fd, const std::filesystem::path& file) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return false;
    throw Error(ErrorCode::kUnavailable, fmt::format("[pull] cannot lock {}: {}", file.string(), std::strerror(errno)));
  }
  return true;
}

}  // namespace

ModelLock ModelLock::wait_for(const std::filesystem::path& file, const std::function<void()>& waiting, const std::stop_token& stop) {
  ModelLock lock(open_lock_file(file));
  while (!try_lock(lock.fd_, file)) {
    throw_if_stopped(stop);
    if (waiting) waiting();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return lock;
}

std::optional<ModelLock> ModelLock::try_for(const std::filesystem::path& file) {
  ModelLock lock(open_lock_file(file));
  if (!try_lock(lock.fd_, file)) return std::nullopt;
  return lock;
}

ModelLock::ModelLock(ModelLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
ModelLock::~ModelLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace aicoder::store
