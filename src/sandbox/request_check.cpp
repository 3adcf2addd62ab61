#include "sandbox/request_check.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "sandbox/box_wire.h"
#include "sandbox/bwrap_command.h"
#include "sandbox/toolchain.h"
#include "sandbox/workdir.h"

namespace aicoder::box {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const std::string& message, const std::string& fix = {}) {
  throw Error(ErrorCode::kInvalidArgument, "[sandbox] " + message, fix);
}

void check_limits(const SandboxLimits& limits) {
  if (limits.cpu.count() <= 0 || limits.wall.count() <= 0) refuse("the time limits must be above 0 ms");
  if (limits.memory_bytes < (uint64_t{1} << 20))
    refuse("the memory limit must be at least 1 MiB, found " + std::to_string(limits.memory_bytes));
  if (limits.processes == 0) refuse("at least 1 process must be allowed");
  if (limits.file_bytes == 0) refuse("the file size limit must be above 0");
  if (limits.scratch_bytes < (uint64_t{64} << 10))
    refuse("the scratch space must be at least 64 KiB, found " + std::to_string(limits.scratch_bytes));
  if (limits.output_bytes == 0) refuse("the output limit must be above 0");
}

void check_text(const std::string& text, const char* what) {
  if (text.find('\0') != std::string::npos) refuse(std::string(what) + " holds a zero byte");
}

/// Can the box's user reach this folder? Root could, but starts boxes as another user.
bool reachable(const fs::path& path) {
  const uid_t user = box_user(), before = ::geteuid();
  if (user != before) ::setfsuid(user);
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (user != before) ::setfsuid(before);
  return static_cast<bool>(fd);
}

fs::path checked_read_only(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (!path.is_absolute() || error) refuse("read_only must name existing folders by absolute path, found '" + path.string() + "'");
  if (real == real.root_path()) refuse("read_only must not be the whole machine");
  for (const char* taken : {"/proc", "/dev", "/sys", kScratch}) {
    const fs::path within = path.lexically_normal().lexically_relative(taken);
    if (!within.empty() && *within.begin() != "..")
      refuse("read_only must not be below " + std::string(taken) + ", found '" + path.string() + "'");
  }
  return path.lexically_normal();
}

[[noreturn]] void refuse_door(const fs::path& folder, const fs::path& door, const char* kind) {
  refuse("the box would see the " + std::string(kind) + " '" + door.string() + "' in '" + folder.string() +
             "' and could talk to what is at its other end",
         "show a folder without it");
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const fs::path within = path.lexically_relative(folder);
  return !within.empty() && *within.begin() != "..";
}

/// A read-only mount keeps nobody from calling a socket in it, and what listens there (a container daemon, a key agent) does what it is
/// told. The kernel's table has those of our network namespace. What is bound after this look is not seen.
void refuse_sockets_below(const fs::path& folder, const fs::path& real) {
  std::ifstream table("/proc/net/unix");
  for (std::string line; std::getline(table, line);) {
    const size_t at = line.find(" /");  // the last column: a path, or "@..." for an abstract name
    if (at == std::string::npos) continue;
    const fs::path socket = fs::path(line.substr(at + 1)).lexically_normal();
    std::error_code ignored;
    // The table keeps the name of a socket whose file is gone.
    if ((is_below(socket, folder) || is_below(socket, real)) && fs::is_socket(fs::symlink_status(socket, ignored)))
      refuse_door(folder, socket, "socket");
  }
}

/// Pipes are a door too. Landlock keeps it shut, but for what is shown below /tmp or /dev/shm, where a box may write: there it is looked
/// for.
void refuse_pipes_below(const fs::path& folder) {
  if (!is_below(folder, "/tmp") && !is_below(folder, "/dev/shm")) return;
  constexpr size_t kMost = 20'000;
  size_t seen = 0;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const fs::file_status status = entry->symlink_status(ignored);
    if (status.type() == fs::file_type::fifo) refuse_door(folder, entry->path(), "pipe");
    if (status.type() == fs::file_type::socket) refuse_door(folder, entry->path(), "socket");
    if (++seen > kMost)
      refuse("'" + folder.string() + "' holds more than " + std::to_string(kMost) + " entries, too many to look through",
             "show a folder outside /tmp");
  }
}

void show(BoxPlan& plan, const fs::path& path) {
  std::error_code error;
  refuse_sockets_below(path, fs::canonical(path, error));
  refuse_pipes_below(path);
  if (reachable(path)) {
    plan.read_only.push_back(path);
    return;
  }
  struct stat info{};
  const bool open_to_all = ::stat(path.c_str(), &info) == 0 && (info.st_mode & 0005) == 0005;
  if (::geteuid() != 0 || !open_to_all) {
    throw Error(ErrorCode::kPermissionDenied,
                "[sandbox] the box's user (" + std::to_string(box_user()) + ") cannot read '" + path.string() + "'",
                "chmod -R o+rX '" + path.string() + "'");
  }
  plan.lent.push_back(path);
}

}  // namespace

BoxPlan checked_plan(const SandboxRequest& request) {
  if (request.argv.empty() || request.argv.front().empty()) refuse("no program given", "argv = {\"python3\", \"main.py\"}");
  for (const std::string& text : request.argv) check_text(text, "argv");
  for (const auto& [name, value] : request.env) {
    check_text(name, "env");
    check_text(value, "env");
    if (name.empty() || name.find('=') != std::string::npos) refuse("'" + name + "' is no name of an environment variable");
  }
  for (const auto& [path, content] : request.files) check_inside(path, "a file");
  for (const std::string& path : request.outputs) check_inside(path, "an output");
  check_limits(request.limits);
  std::error_code error;
  if (!request.dir.empty() && !fs::is_directory(request.dir, error)) {
    refuse("dir must be an existing folder, found '" + request.dir.string() + "'");
  }

  BoxPlan plan;
  plan.bwrap = find_bwrap();
  plan.argv = request.argv;
  plan.stdin_text = request.stdin_text;
  plan.limits = request.limits;
  std::vector<fs::path> folders;
  folders.reserve(request.read_only.size() + request.programs.size() + 1);
  for (const fs::path& path : request.read_only) folders.push_back(checked_read_only(path));
  if (const auto toolchain = find_toolchain(request.argv.front(), folders)) {
    plan.argv.front() = toolchain->program;
    folders.push_back(toolchain->prefix);
  }
  for (const std::string& program : request.programs) {
    if (const auto toolchain = find_toolchain(program, folders)) folders.push_back(toolchain->prefix);
  }
  for (const fs::path& path : folders) show(plan, path);

  std::map<std::string, std::string> env = request.env;
  env.try_emplace("PATH", box_path(folders));
  env.try_emplace("HOME", std::string(kScratch) + "/" + kHomeName);
  env.try_emplace("LANG", "C.UTF-8");
  for (const auto& [name, value] : env) plan.env.push_back(name + "=" + value);
  return plan;
}

}  // namespace aicoder::box
