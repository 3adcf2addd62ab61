#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "aicoder/core.h"

namespace aicoder {
namespace {

std::filesystem::path env_path(const char* name) {
  const char* value = std::getenv(name);
  // XDG base directory specification: relative paths are to be ignored. The same rule keeps $AICODER_HOME independent of the
  // working folder.
  if (value == nullptr || *value != '/') return {};
  return value;
}

std::filesystem::path home() {
  if (auto path = env_path("HOME"); !path.empty()) return path;
  if (const passwd* entry = ::getpwuid(::getuid()); entry != nullptr && entry->pw_dir != nullptr) return entry->pw_dir;
  throw Error(ErrorCode::kFailedPrecondition, "[paths] no home directory: $HOME is not set", "export AICODER_HOME=/a/folder");
}

std::filesystem::path resolve(const char* below_home_dir, const char* xdg_variable, const char* xdg_default) {
  if (auto path = env_path("AICODER_HOME"); !path.empty()) return path / below_home_dir;
  if (auto path = env_path(xdg_variable); !path.empty()) return path / "aicoder";
  return home() / xdg_default / "aicoder";
}

}  // namespace

std::filesystem::path data_dir() {
  if (auto path = env_path("AICODER_HOME"); !path.empty()) return path;
  return resolve("", "XDG_DATA_HOME", ".local/share");
}
std::filesystem::path cache_dir() { return resolve("cache", "XDG_CACHE_HOME", ".cache"); }
std::filesystem::path deps_dir() {
  if (auto path = env_path("AICODER_HOME"); !path.empty()) return path / "deps";
  return cache_dir() / "deps";
}
std::filesystem::path config_dir() { return resolve("config", "XDG_CONFIG_HOME", ".config"); }

}  // namespace aicoder
