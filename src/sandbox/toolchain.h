// Where a program of the request lives, when it is not below /usr.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace aicoder::box {

/// PATH of a box: bin folders of the toolchains given, then the system's.
std::string box_path(const std::vector<std::filesystem::path>& read_only);

/// A program outside the folders that every box shows, and the one folder to show for it.
struct Toolchain {
  std::string program;           ///< absolute
  std::filesystem::path prefix;  ///< e.g. ~/.pyenv/versions/3.11.7, never a home folder or above
};

/// Nothing when `name` is a path, is found on box_path, or is nowhere to be found on this machine either. A `python*` that is a shim or in
/// a virtual environment is asked for its real installation, `rustc` for that of cargo (this runs them on the host, as the user's own PATH
/// would).
std::optional<Toolchain> find_toolchain(const std::string& name, const std::vector<std::filesystem::path>& read_only);

}  // namespace aicoder::box
