// The undo journal of one folder, under data_dir()/undo/<hash of its path>/. One numbered entry an applied run:
//   journal.json   {version, dir, state: applying|applied|undoing, files: [{path, before, after, mode}], created_dirs: []}
//   before-N, after-N   the contents, where there are any
// Order: contents, then journal.json (state applying), then the user's files one by one (each by rename), then state applied.
// So at any moment each file of the user is old or new, and the journal knows how to get back.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/agent.h"

namespace aicoder::agent {

/// Called at each point where a kill must be survivable; tests die in it.
using CrashPoint = std::function<void(const std::string& where)>;

struct JournalFile {
  std::string path;
  std::optional<std::string> before, after;
  unsigned mode = 0;  ///< permissions of the old file; 0: there was none
};
struct JournalEntry {
  std::filesystem::path folder;
  std::string state;
  std::vector<JournalFile> files;
  std::vector<std::string> created_dirs;  ///< relative, outermost first
};

/// Holds the lock of the folder's journal. \throws Error(kUnavailable) when another process holds it.
class UndoJournal {
 public:
  explicit UndoJournal(const std::filesystem::path& dir);
  ~UndoJournal();
  UndoJournal(const UndoJournal&) = delete;
  UndoJournal& operator=(const UndoJournal&) = delete;

  const std::filesystem::path& dir() const noexcept { return dir_; }
  /// The newest entry. \throws Error(kDataLoss) when its journal cannot be read.
  std::optional<JournalEntry> last();
  JournalEntry begin(std::vector<JournalFile> files, std::vector<std::string> created_dirs);
  void set_state(JournalEntry& entry, std::string_view state);
  void remove(const JournalEntry& entry);
  /// Old entries beyond the 20 newest go.
  void prune();

 private:
  std::vector<std::filesystem::path> entries() const;
  std::filesystem::path dir_, folder_;
  int lock_ = -1;
};

/// Absolute place of a change. \throws Error(kInvalidArgument) for a path that leaves the folder,
/// kFailedPrecondition when it or a folder on the way is a link.
std::filesystem::path target_path(const std::filesystem::path& dir, const std::string& path);
/// Contents of a plain file; nullopt when there is none. \throws Error(kFailedPrecondition) for anything else.
std::optional<std::string> current_content(const std::filesystem::path& target);
/// Writes beside and renames, or removes. Old or new at any moment.
void put_content(const std::filesystem::path& target, const std::optional<std::string>& content, unsigned mode);

/// Puts back what an interrupted apply or undo left half-done. Paths restored. A file edited since is left and named in the log.
std::vector<std::string> roll_back(UndoJournal& journal, JournalEntry& entry, const CrashPoint& crash = {});

void apply_journaled(const std::vector<FileChange>& changes, const std::filesystem::path& dir, const CrashPoint& crash);
std::vector<std::string> undo_journaled(const std::filesystem::path& dir, const CrashPoint& crash);
/// True when an apply or undo of this folder was interrupted.
bool is_half_applied(const std::filesystem::path& dir);

}  // namespace aicoder::agent
