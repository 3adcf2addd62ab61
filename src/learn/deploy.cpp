#include "learn/deploy.h"

#include <string>

#include "aicoder/core.h"
#include "aicoder/learn.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;

// Not .gguf: a replaced fragment is in no list.
fs::path replaced(const fs::path& path) { return path.string() + ".replaced"; }

void copy_atomic(const fs::path& from, const fs::path& to) { write_file_atomic(to, read_file(from, size_t{8} << 30)); }

}  // namespace

namespace learning {

void deploy(const fs::path& fragment, const fs::path& out) {
  if (out.has_parent_path()) fs::create_directories(out.parent_path());
  if (fs::exists(out)) {
    copy_atomic(out, replaced(out));
  } else {
    write_file_atomic(replaced(out), "");
  }
  copy_atomic(fragment, out);
}

}  // namespace learning

bool roll_back(const fs::path& path) {
  const fs::path earlier = replaced(path);
  if (!fs::exists(earlier)) {
    throw Error(ErrorCode::kNotFound, "[learn] nothing was deployed as " + path.string() + ", so there is nothing to take back",
                "aicoder fragment list");
  }
  const bool was_none = fs::file_size(earlier) == 0;
  const fs::path now = path.string() + ".rolling-back";
  if (fs::exists(path)) fs::rename(path, now);
  if (!was_none) fs::rename(earlier, path);
  if (fs::exists(now)) {
    fs::rename(now, earlier);
  } else {
    fs::remove(earlier);
  }
  return !was_none;
}

}  // namespace aicoder
