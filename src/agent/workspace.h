// A snapshot of the user's folder and a copy of it that the sandbox gets. The folder itself is only read.
#pragma once

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace aicoder::agent {

struct SnapshotFile {
  bool editable = false;  ///< text of moderate size that is no link: the agent may read and change it
  std::string content;    ///< of editable files
  uint64_t bytes = 0;
};

/// Owns the copy; removed with it.
class Workspace {
 public:
  /// Skips .git, ignored files, dependencies, build output, links that leave the folder, special files, and files above 8 MiB.
  /// \throws Error kNotFound, kInvalidArgument (no folder), kResourceExhausted (above 20,000 files or 48 MiB), kCancelled.
  explicit Workspace(const std::filesystem::path& dir, const std::stop_token& stop = {});
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const std::map<std::string, SnapshotFile>& files() const noexcept { return files_; }
  const std::filesystem::path& copy() const noexcept { return copy_; }
  /// What was left out and why, for the user: "data.bin: 20 MiB, not copied".
  const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  void scan(const std::filesystem::path& dir, const std::stop_token& stop);
  std::filesystem::path copy_;
  std::map<std::string, SnapshotFile> files_;
  std::vector<std::string> notes_;
};

}  // namespace aicoder::agent
