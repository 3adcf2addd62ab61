#include <algorithm>
#include <string>
#include <system_error>

#include "aicoder/fragment.h"

namespace aicoder {
namespace {

void collect(const std::filesystem::path& folder, int levels, std::vector<std::filesystem::path>& files) {
  std::error_code ignored;  // a folder that is not there or may not be read holds no fragments
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored) && levels > 0) collect(entry.path(), levels - 1, files);
    // Names with a leading dot are files being written.
    if (entry.path().extension() == ".gguf" && !entry.path().filename().string().starts_with('.') && entry.is_regular_file(ignored)) {
      files.push_back(entry.path());
    }
  }
}

}  // namespace

std::filesystem::path fragments_dir() { return data_dir() / "fragments"; }

std::vector<FragmentInfo> list_fragments(const std::filesystem::path& fragments_dir) {
  std::vector<std::filesystem::path> files;
  collect(fragments_dir, 1, files);
  std::sort(files.begin(), files.end());
  std::vector<FragmentInfo> fragments;
  for (const auto& file : files) {
    try {
      fragments.push_back(inspect_fragment(file));
    } catch (const Error& error) {
      log(LogLevel::kWarn, "left out of the list of fragments: " + std::string(error.what()));
    }
  }
  return fragments;
}

std::filesystem::path resolve_fragment(std::string_view name_or_path, std::string_view base_fingerprint) {
  const std::string name(name_or_path);
  if (name.find('/') != std::string::npos || name.ends_with(".gguf")) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(name, ignored)) return name;
    throw Error(ErrorCode::kNotFound, "[fragment] no file '" + name + "'", "aicoder fragment list");
  }
  const std::vector<FragmentInfo> fragments = list_fragments(fragments_dir());
  const auto named = [&name](const FragmentInfo& f) { return f.name == name || f.path.stem() == name; };
  std::string other_base;
  for (const FragmentInfo& f : fragments) {
    if (!named(f)) continue;
    if (base_fingerprint.empty() || f.base_fingerprint.empty() || f.base_fingerprint == base_fingerprint) return f.path;
    other_base = f.base_name;
  }
  const std::string fix = "aicoder fragment build --name " + name + " --calib FILE --general FILE";
  if (!other_base.empty()) {
    throw Error(ErrorCode::kNotFound, "[fragment] no fragment '" + name + "' for this model; there is one for " + other_base, fix);
  }
  throw Error(ErrorCode::kNotFound, "[fragment] no fragment '" + name + "' in " + fragments_dir().string(), fix);
}

}  // namespace aicoder
