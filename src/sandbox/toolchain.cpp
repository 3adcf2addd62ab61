#include "sandbox/toolchain.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "aicoder/core.h"

namespace aicoder::box {
namespace fs = std::filesystem;
namespace {

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::optional<fs::path> search(const std::string& path, const std::string& name) {
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && folder.front() == '/' && is_program(fs::path(folder) / name)) return fs::path(folder) / name;
  }
  return std::nullopt;
}

/// A prefix that would show a home folder, or all of the machine, is no toolchain.
bool is_narrow(const fs::path& prefix) {
  if (!prefix.is_absolute() || prefix == prefix.root_path()) return false;
  const char* home = std::getenv("HOME");
  for (const char* folder : {home != nullptr ? home : "/root", "/root", "/home", "/etc", "/var", "/tmp"}) {
    const fs::path within = fs::path(folder).lexically_normal().lexically_relative(prefix);
    if (!within.empty() && *within.begin() != "..") return false;  // the folder is the prefix or below it
  }
  return true;
}

std::optional<Toolchain> python_toolchain(const fs::path& found, const std::string& name) {
  HostProcess ask;
  ask.argv = {found.string(), "-I", "-c", "import sys; print(sys.base_prefix)"};
  ask.timeout = std::chrono::seconds(10);
  const HostProcessResult answer = run_host_process(ask);
  if (answer.exit_code != 0) return std::nullopt;
  const fs::path prefix = answer.out.substr(0, answer.out.find('\n'));
  for (const std::string& program : {name, std::string("python3")}) {
    if (is_narrow(prefix) && is_program(prefix / "bin" / program)) return Toolchain{prefix / "bin" / program, prefix};
  }
  return std::nullopt;
}

/// rustup puts a shim in the place of each tool, which needs its home folder; the compiler says where the real ones are.
std::optional<Toolchain> rust_toolchain(const std::string& rustc, const std::string& name) {
  HostProcess ask;
  ask.argv = {rustc, "--print", "sysroot"};
  ask.timeout = std::chrono::seconds(10);
  const HostProcessResult answer = run_host_process(ask);
  if (answer.exit_code != 0) return std::nullopt;
  const fs::path prefix = answer.out.substr(0, answer.out.find('\n'));
  if (!is_narrow(prefix) || !is_program(prefix / "bin" / name)) return std::nullopt;
  return Toolchain{prefix / "bin" / name, prefix};
}

}  // namespace

std::string box_path(const std::vector<fs::path>& read_only) {
  std::string path;
  for (const fs::path& folder : read_only) {
    std::error_code ignored;
    if (fs::is_directory(folder / "bin", ignored)) path += (folder / "bin").string() + ":";
  }
  // /usr/bin first: the distribution's python3, whatever else was put in /usr/local.
  return path + "/usr/bin:/bin:/usr/local/bin:/usr/local/go/bin";
}

std::optional<Toolchain> find_toolchain(const std::string& name, const std::vector<fs::path>& read_only) {
  if (name.find('/') != std::string::npos || search(box_path(read_only), name)) return std::nullopt;
  const char* host_path = std::getenv("PATH");
  const auto found = search(host_path != nullptr ? host_path : "", name);
  if (!found) return std::nullopt;
  if (name.starts_with("python")) return python_toolchain(*found, name);
  if (name == "cargo" || name == "rustc") {
    const auto compiler = search(host_path, "rustc");
    return compiler ? rust_toolchain(compiler->string(), name) : std::nullopt;
  }
  std::error_code error;
  const fs::path real = fs::canonical(*found, error);
  if (error || real.parent_path().filename() != "bin") return std::nullopt;
  const fs::path prefix = real.parent_path().parent_path();
  if (!is_narrow(prefix)) return std::nullopt;
  return Toolchain{real.string(), prefix};
}

}  // namespace aicoder::box
