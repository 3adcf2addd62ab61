#include "store/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "aicoder/core.h"

namespace aicoder::store {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Error(ErrorCode::kNotFound, fmt::format("[pull] cannot read {}: {}", path.string(), std::strerror(errno)));
  struct stat info{};
  if (::fstat(fd, &info) == 0 && info.st_size > 0) {
    size_ = static_cast<size_t>(info.st_size);
    address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
  }
  const int reason = errno;
  ::close(fd);
  if (address_ == MAP_FAILED) {
    throw Error(ErrorCode::kResourceExhausted, fmt::format("[pull] cannot map {}: {}", path.string(), std::strerror(reason)));
  }
}

MappedFile::~MappedFile() {
  if (address_ != nullptr && address_ != MAP_FAILED) ::munmap(address_, size_);
}

}  // namespace aicoder::store
