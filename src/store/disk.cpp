#include "store/disk.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <array>

#include "aicoder/core.h"

namespace aicoder::store {

namespace fs = std::filesystem;

std::string bytes_text(uint64_t bytes) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

uint64_t folder_bytes(const fs::path& folder) {
  std::error_code error;
  uint64_t total = 0;
  for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (!it->is_regular_file(gone)) continue;
    const auto size = it->file_size(gone);
    if (!gone) total += size;
  }
  return total;
}

void require_free_space(const fs::path& folder, uint64_t bytes, std::string_view what) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) return;  // cannot tell: the writes themselves will
  const uint64_t free = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (free >= bytes) return;
  throw Error(ErrorCode::kResourceExhausted,
              fmt::format("[pull] {} needs {} of disk, {} has {} free", what, bytes_text(bytes), folder.string(), bytes_text(free)),
              "free space, or point $AICODER_HOME at a larger disk");
}

void throw_as_ours(const char* place, const fs::filesystem_error& error) {
  const auto reason = error.code();
  auto code = ErrorCode::kUnavailable;
  std::string fix;
  if (reason == std::errc::no_space_on_device) {
    code = ErrorCode::kResourceExhausted;
    fix = "free space, or point $AICODER_HOME at a larger disk";
  } else if (reason == std::errc::permission_denied || reason == std::errc::operation_not_permitted ||
             reason == std::errc::read_only_file_system || reason == std::errc::not_a_directory || reason == std::errc::file_exists) {
    code = ErrorCode::kPermissionDenied;
    fix = "make the folder writable, or set $AICODER_HOME to one that is";
  }
  throw Error(code, fmt::format("[{}] {}: {}", place, error.path1().string(), reason.message()), fix);
}

}  // namespace aicoder::store
