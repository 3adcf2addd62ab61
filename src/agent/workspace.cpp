#include "agent/workspace.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "aicoder/core.h"
#include "aicoder/core/gitignore.h"

namespace aicoder::agent {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxFileBytes = uint64_t{8} << 20;
constexpr uint64_t kMaxTotalBytes = uint64_t{48} << 20;  // the box holds the copy in 64 MiB together with what the tests write
constexpr size_t kMaxFiles = 20'000;
constexpr uint64_t kMaxEditableBytes = 256 << 10;

bool is_skipped_folder(const std::string& name) {
  static const char* const kNames[] = {".git",    ".hg",    ".svn",        "node_modules",  "__pycache__",   ".venv", "venv",   "env",
                                       ".tox",    ".nox",   ".mypy_cache", ".pytest_cache", "build",         "dist",  "target", ".idea",
                                       ".vscode", ".cache", ".ruff_cache", ".eggs",         "site-packages", ".next", ".gradle"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&](const char* n) { return name == n; }) || name.ends_with(".egg-info");
}

bool is_text(const std::string& bytes) { return bytes.find('\0') == std::string::npos && is_utf8(bytes); }

}  // namespace

Workspace::Workspace(const fs::path& dir, const std::stop_token& stop) {
  std::error_code error;
  fs::file_status status = fs::status(dir, error);
  if (!fs::exists(status)) throw Error(ErrorCode::kNotFound, "[agent] no folder " + dir.string(), "give an existing folder with --dir");
  if (!fs::is_directory(status))
    throw Error(ErrorCode::kInvalidArgument, "[agent] " + dir.string() + " is no folder", "give a folder with --dir");
  std::string pattern = (fs::temp_directory_path() / "aicoder-work-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw Error(ErrorCode::kResourceExhausted,
                "[agent] cannot make a folder for the working copy in " + fs::temp_directory_path().string());
  }
  copy_ = pattern;
  try {
    scan(fs::canonical(dir), stop);
  } catch (...) {
    fs::remove_all(copy_, error);
    throw;
  }
}

Workspace::~Workspace() {
  std::error_code ignored;
  fs::remove_all(copy_, ignored);
}

void Workspace::scan(const fs::path& dir, const std::stop_token& stop) {
  GitIgnore ignore;
  uint64_t total = 0;
  auto visit = [&](auto& self, const fs::path& folder, const std::string& prefix) -> void {
    throw_if_stopped(stop);
    std::error_code error;
    if (fs::is_regular_file(fs::symlink_status(folder / ".gitignore", error))) {
      ignore.add(prefix.empty() ? "" : prefix.substr(0, prefix.size() - 1), read_file(folder / ".gitignore", kMaxFileBytes));
    }
    std::vector<fs::path> entries;
    for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end; it != end; it.increment(error)) {
      entries.push_back(it->path());
      if (error) break;
    }
    std::sort(entries.begin(), entries.end());
    for (const fs::path& path : entries) {
      std::string name = path.filename().string();
      std::string relative = prefix + name;
      if (!is_utf8(name)) {
        notes_.push_back(to_valid_utf8(relative) + ": a name that is not UTF-8, left out");
        continue;
      }
      fs::file_status link = fs::symlink_status(path, error);
      bool is_dir = fs::is_directory(link);
      if ((is_dir && is_skipped_folder(name)) || ignore.ignores(relative, is_dir)) continue;
      if (is_dir) {
        self(self, path, relative + "/");
        continue;
      }
      bool is_link = fs::is_symlink(link);
      fs::path source = path;
      if (is_link) {
        // A link out of the folder would bring the user's other files into the box, and a write through it would leave the folder.
        source = fs::canonical(path, error);
        std::string inside = dir.string() + "/";
        if (error || !source.string().starts_with(inside) || !fs::is_regular_file(source)) {
          notes_.push_back(relative + ": a link " + (error ? "to nothing" : "that is not followed") + ", left out");
          continue;
        }
      } else if (!fs::is_regular_file(link)) {
        notes_.push_back(relative + ": not a plain file, left out");
        continue;
      }
      uint64_t bytes = fs::file_size(source, error);
      if (error || bytes > kMaxFileBytes) {
        notes_.push_back(relative + (error ? ": cannot be read, left out" : ": " + std::to_string(bytes >> 20) + " MiB, left out"));
        continue;
      }
      total += bytes;
      if (files_.size() >= kMaxFiles || total > kMaxTotalBytes) {
        throw Error(ErrorCode::kResourceExhausted,
                    "[agent] " + dir.string() + " holds more than 20,000 files or 48 MiB that are not ignored",
                    "list what the tests do not need in .gitignore, or give a smaller folder with --dir");
      }
      std::string content;
      try {
        content = read_file(source, kMaxFileBytes);
      } catch (const Error&) {
        notes_.push_back(relative + ": cannot be read, left out");
        continue;
      }
      fs::create_directories((copy_ / relative).parent_path());
      write_file_atomic(copy_ / relative, content);
      fs::permissions(copy_ / relative, fs::status(source).permissions() | fs::perms::owner_read | fs::perms::owner_write, error);
      SnapshotFile file;
      file.bytes = bytes;
      file.editable = !is_link && bytes <= kMaxEditableBytes && is_text(content);
      if (file.editable) file.content = std::move(content);
      files_.emplace(relative, std::move(file));
    }
  };
  visit(visit, dir, "");
}

}  // namespace aicoder::agent
