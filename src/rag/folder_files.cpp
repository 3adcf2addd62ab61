#include "rag/folder_files.h"

#include <algorithm>
#include <array>

#include "aicoder/core.h"
#include "aicoder/core/gitignore.h"

namespace aicoder::rag {
namespace {
namespace fs = std::filesystem;

constexpr size_t kMaxDepth = 64;
constexpr std::array<std::string_view, 7> kSkipped = {"node_modules", "__pycache__", "venv", "site-packages", "build", "dist", "target"};

void walk(const fs::path& root, const std::string& folder, size_t depth, size_t max_file_bytes, GitIgnore ignore,
          std::vector<FolderFile>& out) {
  if (depth > kMaxDepth) return;
  std::error_code error;
  const fs::path here = folder.empty() ? root : root / folder;
  if (fs::is_regular_file(fs::symlink_status(here / ".gitignore", error))) ignore.add(folder, read_file(here / ".gitignore", 1 << 20));
  for (auto entry = fs::directory_iterator(here, fs::directory_options::skip_permission_denied, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename(), path = folder.empty() ? name : folder + "/" + name;
    const fs::file_status status = entry->symlink_status(ignored);
    if (name.front() == '.' || !is_utf8(name)) continue;
    if (status.type() == fs::file_type::directory) {
      if (std::ranges::find(kSkipped, name) != kSkipped.end() || ignore.ignores(path, true)) continue;
      walk(root, path, depth + 1, max_file_bytes, ignore, out);
    } else if (status.type() == fs::file_type::regular && !ignore.ignores(path, false)) {
      const auto bytes = fs::file_size(entry->path(), ignored);
      const auto time = fs::last_write_time(entry->path(), ignored).time_since_epoch().count();
      if (!ignored && bytes <= max_file_bytes) out.push_back({path, bytes, static_cast<int64_t>(time)});
    }
  }
}

}  // namespace

std::vector<FolderFile> folder_files(const fs::path& folder, size_t max_file_bytes) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw Error(ErrorCode::kNotFound, "[rag] expected a folder, found '" + folder.string() + "'", "aicoder rag index DIR");
  std::vector<FolderFile> files;
  walk(folder, "", 0, max_file_bytes, {}, files);
  std::ranges::sort(files, {}, &FolderFile::path);
  return files;
}

}  // namespace aicoder::rag
