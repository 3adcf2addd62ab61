#include "fragment/peft_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "aicoder/core.h"

namespace aicoder::fragment {
namespace {

namespace fs = std::filesystem;

/// Without "." and a slash at the end, which have no name to write beside; a link is followed.
fs::path plain(const fs::path& dir) {
  fs::path path = fs::weakly_canonical(fs::absolute(dir));
  return path.has_filename() ? path : path.parent_path();
}

[[noreturn]] void fail(const fs::path& path, const std::error_code& error) {
  const bool missing = error == std::errc::no_such_file_or_directory;
  const bool denied = error == std::errc::permission_denied || error == std::errc::read_only_file_system;
  const bool full = error == std::errc::no_space_on_device;
  throw Error(missing  ? ErrorCode::kNotFound
              : denied ? ErrorCode::kPermissionDenied
              : full   ? ErrorCode::kResourceExhausted
                       : ErrorCode::kInternal,
              "[peft] " + path.string() + ": " + error.message());
}

/// A folder of its own beside the target; gone at scope end, whatever it then holds.
class FolderBeside {
 public:
  explicit FolderBeside(const fs::path& target) {
    std::error_code error;
    for (int i = 0; i < 100; ++i) {
      path_ = target.parent_path() / ("." + target.filename().string() + "." + std::to_string(::getpid()) + "." + std::to_string(i));
      if (fs::create_directory(path_, error)) return;
      if (error) fail(path_, error);
    }
    throw Error(ErrorCode::kFailedPrecondition, "[peft] left-over folders " + path_.string(), "remove them");
  }
  ~FolderBeside() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  FolderBeside(const FolderBeside&) = delete;
  FolderBeside& operator=(const FolderBeside&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The new folder takes the place of the old one in one step where the file system can, else in two with a way back.
void take_place(const fs::path& fresh, const fs::path& target) {
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return;
  const fs::path aside = fresh.string() + ".old";
  std::error_code error, ignored;
  fs::rename(target, aside, error);
  if (error) fail(target, error);
  fs::rename(fresh, target, error);
  if (error) {
    fs::rename(aside, target, ignored);
    fail(target, error);
  }
  fs::remove_all(aside, ignored);
}

}  // namespace

void check_peft_target(const fs::path& dir, bool force) {
  const fs::path target = plain(dir);
  std::error_code error;
  if (!fs::exists(target, error)) return;
  if (!fs::is_directory(target, error)) {
    throw Error(ErrorCode::kInvalidArgument, "[peft] " + dir.string() + " is a file, expected a folder to write");
  }
  bool empty = true;
  for (const auto& entry : fs::directory_iterator(target, error)) {
    empty = false;
    const auto name = entry.path().filename();
    if (name != kPeftConfig && name != kPeftWeights) {
      throw Error(ErrorCode::kInvalidArgument,
                  "[peft] " + dir.string() + " holds " + to_valid_utf8(name.string()) + ", so it is not replaced", "name another folder");
    }
  }
  if (error) fail(target, error);
  if (!empty && !force) {
    throw Error(ErrorCode::kFailedPrecondition, "[peft] " + dir.string() + " holds an adapter",
                "add --force to replace it, or name another");
  }
}

void write_peft_folder(const fs::path& dir, const std::string& config, std::span<const SafeSource> tensors,
                       const std::map<std::string, std::string>& metadata, bool force) {
  check_peft_target(dir, force);
  const fs::path target = plain(dir);
  const FolderBeside fresh(target);
  write_safetensors(fresh.path() / kPeftWeights, tensors, metadata);
  write_file_atomic(fresh.path() / kPeftConfig, config);
  std::error_code error;
  const bool holds_something = fs::exists(target, error) && !fs::is_empty(target, error);
  if (holds_something) return take_place(fresh.path(), target);
  fs::rename(fresh.path(), target, error);  // onto nothing, or onto an empty folder
  if (error) fail(target, error);
}

}  // namespace aicoder::fragment
