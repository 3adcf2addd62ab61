#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "aicoder/core.h"

namespace aicoder {
namespace {

[[noreturn]] void throw_errno(const char* place, const std::filesystem::path& path, int error) {
  auto code = ErrorCode::kInternal;
  std::string fix;
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kPermissionDenied;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::kResourceExhausted;
      fix = "free space on that disk, or point $AICODER_HOME at a larger one";
      break;
    case EFBIG:
    case ENOMEM:
    case EMFILE:
      code = ErrorCode::kResourceExhausted;
      break;
    case EISDIR:
      code = ErrorCode::kInvalidArgument;
      break;
    default:
      break;
  }
  throw Error(code, fmt::format("[{}] {}: {}", place, path.string(), std::strerror(error)), fix);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

struct GzClose {
  void operator()(gzFile file) const { gzclose(file); }
};
using GzHandle = std::unique_ptr<gzFile_s, GzClose>;

}  // namespace

std::string read_file(const std::filesystem::path& path, size_t limit_bytes) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) throw_errno("read", path, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) throw_errno("read", path, errno);
  if (S_ISDIR(info.st_mode)) throw_errno("read", path, EISDIR);
  std::string content;
  content.reserve(std::min(static_cast<size_t>(info.st_size), limit_bytes));
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("read", path, errno);
    if (n == 0) return content;
    if (content.size() + static_cast<size_t>(n) > limit_bytes) {
      throw Error(ErrorCode::kResourceExhausted, fmt::format("[read] {} is larger than {} bytes", path.string(), limit_bytes));
    }
    content.append(buffer, static_cast<size_t>(n));
  }
}

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  std::string pattern = target_.string() + ".XXXXXX";
  fd_ = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (fd_ < 0) throw_errno("write", target_, errno);
  temporary_ = pattern;
  // mkostemp makes 0600; a replaced file keeps its mode, a new one gets the usual 0666 & ~umask.
  struct stat info{};
  if (::stat(target_.c_str(), &info) == 0) {
    (void)::fchmod(fd_, info.st_mode & 07777);
  } else {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    (void)::fchmod(fd_, 0666 & ~mask);
  }
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("write", target_, errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) throw_errno("write", target_, errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) throw_errno("write", target_, errno);
  ::close(fd_);
  fd_ = -1;
  // The rename itself reaches the disk with the folder; a file system without folder sync is no reason to fail.
  const auto parent = target_.parent_path();
  const Descriptor folder(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) (void)::fsync(folder.get());
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void for_each_line(const std::filesystem::path& path, const std::function<void(size_t, std::string_view)>& fn, size_t limit_bytes) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) throw_errno("read", path, errno);
  if (S_ISDIR(info.st_mode)) throw_errno("read", path, EISDIR);
  const GzHandle file(gzopen(path.c_str(), "rbe"));  // reads plain files too
  if (!file) throw_errno("read", path, errno != 0 ? errno : ENOMEM);
  gzbuffer(file.get(), 1 << 18);
  const bool gzip = gzdirect(file.get()) == 0;
  if (!gzip && path.extension() == ".gz" && info.st_size > 0) {
    throw Error(ErrorCode::kDataLoss, fmt::format("[read] {} is named .gz but is not gzip", path.string()));
  }
  std::string line;
  size_t number = 0;
  const auto emit = [&] {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    fn(number, line);
    line.clear();
  };
  char buffer[1 << 16];
  while (true) {
    const int n = gzread(file.get(), buffer, sizeof buffer);
    int status = Z_OK;
    const char* message = gzerror(file.get(), &status);
    // A gzip stream cut short reads as end of file with Z_BUF_ERROR.
    if (n < 0 || (n == 0 && status == Z_BUF_ERROR)) {
      throw Error(ErrorCode::kDataLoss, fmt::format("[read] {} line {}: {}", path.string(), number + 1, message));
    }
    if (n == 0) break;
    std::string_view rest(buffer, static_cast<size_t>(n));
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      line.append(rest.substr(0, end));
      if (line.size() > limit_bytes) {
        throw Error(ErrorCode::kResourceExhausted,
                    fmt::format("[read] {} line {} is longer than {} bytes", path.string(), number + 1, limit_bytes));
      }
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
      emit();
    }
  }
  if (!line.empty()) emit();
}

}  // namespace aicoder
