#include "agent/undo_journal.h"

namespace aicoder {
namespace agent {

std::vector<std::string> undo_journaled(const std::filesystem::path& dir, const CrashPoint& crash) {
  UndoJournal journal(dir);
  auto entry = journal.last();
  if (!entry) throw Error(ErrorCode::kNotFound, "[undo] nothing was applied to " + journal.dir().string() + " that could be taken back");
  if (entry->state == "applied") {
    for (const JournalFile& file : entry->files) {
      if (current_content(target_path(journal.dir(), file.path)) == file.after) continue;
      throw Error(ErrorCode::kFailedPrecondition, "[undo] " + file.path + " was edited since; nothing was changed",
                  "bring " + file.path + " back to what aicoder wrote, or undo by hand");
    }
    journal.set_state(*entry, "undoing");
    if (crash) crash("journaled");
  }
  // An interrupted apply or undo goes the same way: back to the old files.
  return roll_back(journal, *entry, crash);
}

bool is_half_applied(const std::filesystem::path& dir) {
  UndoJournal journal(dir);
  auto entry = journal.last();
  return entry && entry->state != "applied";
}

}  // namespace agent

std::vector<std::string> undo_changes(const std::filesystem::path& dir) { return agent::undo_journaled(dir, {}); }

std::vector<std::string> recover_changes(const std::filesystem::path& dir) {
  agent::UndoJournal journal(dir);
  auto entry = journal.last();
  if (!entry || entry->state == "applied") return {};
  return agent::roll_back(journal, *entry);
}

}  // namespace aicoder
