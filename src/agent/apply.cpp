#include <sys/stat.h>

#include <algorithm>

#include "agent/undo_journal.h"

namespace aicoder {
namespace agent {

namespace fs = std::filesystem;

void apply_journaled(const std::vector<FileChange>& changes, const fs::path& dir, const CrashPoint& crash) {
  auto reach = [&](const std::string& where) {
    if (crash) crash(where);
  };
  UndoJournal journal(dir);
  if (auto entry = journal.last(); entry && entry->state != "applied") roll_back(journal, *entry);

  // Everything is checked before anything is written.
  std::vector<JournalFile> files;
  std::vector<std::string> created_dirs;
  for (const FileChange& change : changes) {
    if (change.before == change.after) continue;
    fs::path target = target_path(journal.dir(), change.path);
    if (current_content(target) != change.before) {
      throw Error(ErrorCode::kFailedPrecondition, "[apply] " + change.path + " was changed while the run was going on; nothing was written",
                  "run the task again on the present files");
    }
    struct stat info{};
    unsigned mode = ::stat(target.c_str(), &info) == 0 ? static_cast<unsigned>(info.st_mode & 07777) : 0;
    files.push_back({change.path, change.before, change.after, mode});
    fs::path folder;
    for (const fs::path& part : fs::path(change.path).parent_path()) {
      folder /= part;
      std::string name = folder.generic_string();
      bool listed = std::find(created_dirs.begin(), created_dirs.end(), name) != created_dirs.end();
      if (!listed && !fs::exists(journal.dir() / folder)) created_dirs.push_back(name);
    }
  }
  if (files.empty()) return;
  reach("checked");
  JournalEntry entry = journal.begin(std::move(files), std::move(created_dirs));
  reach("journaled");
  try {
    for (const JournalFile& file : entry.files) {
      fs::path target = target_path(journal.dir(), file.path);
      fs::create_directories(target.parent_path());
      put_content(target, file.after, file.mode);
      reach("written:" + file.path);
    }
  } catch (const std::exception&) {
    roll_back(journal, entry);  // a full disk in the middle: all or nothing
    throw;
  }
  journal.set_state(entry, "applied");
  reach("applied");
  journal.prune();
}

}  // namespace agent

void apply_changes(const AgentResult& result, const std::filesystem::path& dir) { agent::apply_journaled(result.files, dir, {}); }

}  // namespace aicoder
