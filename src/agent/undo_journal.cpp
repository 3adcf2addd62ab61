#include "agent/undo_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "agent/code_blocks.h"

namespace aicoder::agent {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kKeptEntries = 20;

[[noreturn]] void fail_errno(const fs::path& path, const std::string& what) {
  int error = errno;
  auto code = error == ENOSPC || error == EDQUOT                    ? ErrorCode::kResourceExhausted
              : error == EACCES || error == EPERM || error == EROFS ? ErrorCode::kPermissionDenied
                                                                    : ErrorCode::kInternal;
  throw Error(code, "[apply] " + what + " " + path.string() + ": " + std::strerror(error));
}

json to_json(const JournalEntry& entry, const fs::path& dir) {
  json files = json::array();
  for (const JournalFile& file : entry.files) {
    files.push_back({{"path", file.path}, {"before", file.before.has_value()}, {"after", file.after.has_value()}, {"mode", file.mode}});
  }
  return {{"version", 1}, {"dir", dir.string()}, {"state", entry.state}, {"files", files}, {"created_dirs", entry.created_dirs}};
}

}  // namespace

UndoJournal::UndoJournal(const fs::path& dir) {
  std::error_code error;
  dir_ = fs::canonical(dir, error);
  if (error || !fs::is_directory(dir_))
    throw Error(ErrorCode::kNotFound, "[undo] no folder " + dir.string(), "give the project's folder with --dir");
  folder_ = data_dir() / "undo" / sha256_hex(dir_.string()).substr(0, 32);
  fs::create_directories(folder_, error);
  if (error)
    throw Error(ErrorCode::kPermissionDenied, "[undo] cannot make " + folder_.string() + ": " + error.message(),
                "set AICODER_HOME to a folder you may write");
  lock_ = ::open((folder_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) fail_errno(folder_ / "lock", "cannot open");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw Error(ErrorCode::kUnavailable, "[undo] another aicoder is changing " + dir_.string(), "wait for it to end and try again");
  }
}

UndoJournal::~UndoJournal() { ::close(lock_); }

std::vector<fs::path> UndoJournal::entries() const {
  std::vector<fs::path> found;
  for (const auto& item : fs::directory_iterator(folder_)) {
    if (item.is_directory()) found.push_back(item.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<JournalEntry> UndoJournal::last() {
  std::vector<fs::path> found = entries();
  while (!found.empty()) {
    fs::path folder = found.back();
    if (!fs::exists(folder / "journal.json")) {
      // Killed before the journal was complete: no file of the user was touched.
      fs::remove_all(folder);
      found.pop_back();
      continue;
    }
    json::parser_callback_t shallow = [](int depth, json::parse_event_t, json&) { return depth <= 16; };
    json j = json::parse(read_file(folder / "journal.json", 16 << 20), shallow, false);
    JournalEntry entry;
    entry.folder = folder;
    try {
      entry.state = j.at("state").get<std::string>();
      size_t index = 0;
      for (const json& item : j.at("files")) {
        JournalFile file;
        file.path = item.at("path").get<std::string>();
        file.mode = item.at("mode").get<unsigned>();
        if (item.at("before").get<bool>()) file.before = read_file(folder / ("before-" + std::to_string(index)));
        if (item.at("after").get<bool>()) file.after = read_file(folder / ("after-" + std::to_string(index)));
        entry.files.push_back(std::move(file));
        ++index;
      }
      entry.created_dirs = j.at("created_dirs").get<std::vector<std::string>>();
    } catch (const json::exception& e) {
      throw Error(ErrorCode::kDataLoss, "[undo] " + (folder / "journal.json").string() + ": " + e.what(),
                  "remove that folder to give up this undo step");
    }
    return entry;
  }
  return std::nullopt;
}

JournalEntry UndoJournal::begin(std::vector<JournalFile> files, std::vector<std::string> created_dirs) {
  std::vector<fs::path> found = entries();
  size_t number = found.empty() ? 1 : std::stoul(found.back().filename().string()) + 1;
  std::string name = std::to_string(number);
  JournalEntry entry;
  entry.folder = folder_ / (std::string(8 - std::min<size_t>(8, name.size()), '0') + name);
  entry.state = "applying";
  entry.files = std::move(files);
  entry.created_dirs = std::move(created_dirs);
  fs::create_directory(entry.folder);
  for (size_t i = 0; i < entry.files.size(); ++i) {
    if (entry.files[i].before) write_file_atomic(entry.folder / ("before-" + std::to_string(i)), *entry.files[i].before);
    if (entry.files[i].after) write_file_atomic(entry.folder / ("after-" + std::to_string(i)), *entry.files[i].after);
  }
  write_file_atomic(entry.folder / "journal.json", to_json(entry, dir_).dump(1, ' ', false, json::error_handler_t::replace));
  return entry;
}

void UndoJournal::set_state(JournalEntry& entry, std::string_view state) {
  entry.state = std::string(state);
  write_file_atomic(entry.folder / "journal.json", to_json(entry, dir_).dump(1, ' ', false, json::error_handler_t::replace));
}

void UndoJournal::remove(const JournalEntry& entry) {
  // journal.json first: without it the rest is rubbish that last() clears away.
  std::error_code ignored;
  fs::remove(entry.folder / "journal.json", ignored);
  fs::remove_all(entry.folder, ignored);
}

void UndoJournal::prune() {
  std::vector<fs::path> found = entries();
  for (size_t i = 0; i + kKeptEntries < found.size(); ++i) {
    std::error_code ignored;
    fs::remove(found[i] / "journal.json", ignored);
    fs::remove_all(found[i], ignored);
  }
}

fs::path target_path(const fs::path& dir, const std::string& path) {
  // Hidden files of the user may be changed by an explicit change, but never through "..", an absolute path or .git.
  fs::path relative(path);
  bool bad = path.empty() || relative.is_absolute() || path.find('\0') != std::string::npos || path.ends_with('/');
  for (const fs::path& part : relative) bad = bad || part == ".." || part == "." || part == ".git" || part.empty();
  if (bad) throw Error(ErrorCode::kInvalidArgument, "[apply] '" + path + "' is no path inside the project");
  fs::path at = dir;
  for (const fs::path& part : relative) {
    at /= part;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(at, error))) {
      throw Error(ErrorCode::kFailedPrecondition, "[apply] " + path + " goes through the link " + at.string() + "; nothing was changed",
                  "replace the link by the file, or change its target by hand");
    }
  }
  return at;
}

std::optional<std::string> current_content(const fs::path& target) {
  std::error_code error;
  fs::file_status status = fs::symlink_status(target, error);
  if (!fs::exists(status)) return std::nullopt;
  if (!fs::is_regular_file(status))
    throw Error(ErrorCode::kFailedPrecondition, "[apply] " + target.string() + " is no plain file; nothing was changed");
  return read_file(target);
}

void put_content(const fs::path& target, const std::optional<std::string>& content, unsigned mode) {
  if (!content) {
    if (::unlink(target.c_str()) != 0 && errno != ENOENT) fail_errno(target, "cannot remove");
    return;
  }
  // One known name beside the target: what a kill leaves there is found and removed by the next roll_back.
  fs::path beside = target.parent_path() / ("." + target.filename().string() + ".aicoder-tmp");
  ::unlink(beside.c_str());
  int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) fail_errno(beside, "cannot write");
  const char* at = content->data();
  size_t left = content->size();
  bool good = mode == 0 || ::fchmod(fd, static_cast<mode_t>(mode & 07777)) == 0;
  while (good && left > 0) {
    ssize_t n = ::write(fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    good = n >= 0;
    if (good) {
      at += n;
      left -= static_cast<size_t>(n);
    }
  }
  good = good && ::fsync(fd) == 0;
  int error = errno;
  ::close(fd);
  if (good && ::rename(beside.c_str(), target.c_str()) != 0) {
    error = errno;
    good = false;
  }
  if (!good) {
    ::unlink(beside.c_str());
    errno = error;
    fail_errno(target, "cannot write");
  }
  int folder = ::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

std::vector<std::string> roll_back(UndoJournal& journal, JournalEntry& entry, const CrashPoint& crash) {
  std::vector<std::string> restored;
  for (const JournalFile& file : entry.files) {
    fs::path target = target_path(journal.dir(), file.path);
    std::error_code ignored;
    fs::remove(target.parent_path() / ("." + target.filename().string() + ".aicoder-tmp"), ignored);
    std::optional<std::string> now = current_content(target);
    if (now == file.before) continue;
    if (now != file.after) {
      log(LogLevel::kWarn, "[undo] " + file.path + " was edited since; left as it is");
      continue;
    }
    fs::create_directories(target.parent_path());
    put_content(target, file.before, file.mode);
    restored.push_back(file.path);
    if (crash) crash("restored:" + file.path);
  }
  for (auto it = entry.created_dirs.rbegin(); it != entry.created_dirs.rend(); ++it) {
    std::error_code ignored;
    fs::remove(journal.dir() / *it, ignored);  // only when empty
  }
  journal.remove(entry);
  return restored;
}

}  // namespace aicoder::agent
