// The working folder of a box: filled before the run, read after it, through a descriptor of the box's own size-limited tmpfs. Nothing is
// written to a disk of the host, and the folder vanishes when the descriptor is closed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "sandbox/unique_fd.h"

namespace aicoder::box {

/// \throws Error(kInvalidArgument) unless `path` is relative, not empty, without "..", "." alone, or a zero byte.
void check_inside(const std::string& path, const char* what);

class Workdir {
 public:
  /// \param scratch_fd  the box's scratch folder, borrowed; the working folder is in it
  /// \param owner  host user and group of the box: new files get this owner
  Workdir(int scratch_fd, uint64_t limit_bytes, uid_t owner);

  /// Copies what is in `source`: folders, regular files (with their mode) and symbolic links as links, never followed. Sockets, pipes and
  /// devices are left out.
  /// \throws Error(kNotFound), kPermissionDenied (unreadable file), kResourceExhausted (more than the limit, more than 50,000 entries,
  /// deeper than 64 folders).
  void copy_in(const std::filesystem::path& source);

  /// Makes the folders it needs and replaces what is there. \throws Error(kInvalidArgument) when a part of the path is a symbolic link or a
  /// file, kResourceExhausted.
  void write(const std::string& path, const std::string& content);

  /// A regular file below the working folder, reached without any symbolic link. \throws Error(kNotFound, kPermissionDenied).
  std::string read(const std::string& path) const;

  struct Usage {
    uint64_t files = 0;  ///< of the whole scratch folder
    bool full = false;
  };
  Usage usage() const;
  /// True when a regular file anywhere in the scratch folder is exactly `bytes` long: where the kernel cuts a write that passes
  /// RLIMIT_FSIZE.
  bool has_file_of(uint64_t bytes) const;

 private:
  struct Copy;
  void copy_folder(Copy& copy, int from, int to, const std::string& place, int depth);
  void copy_file(Copy& copy, int from, int to, const char* name, const std::string& place, mode_t mode) const;

  int scratch_fd_;
  uint64_t limit_bytes_;
  uid_t owner_;
  UniqueFd work_;
};

}  // namespace aicoder::box
