#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "aicoder/core.h"

extern char** environ;

namespace aicoder {
namespace {

class Pipe {
 public:
  Pipe() {
    if (::pipe2(fds_.data(), O_CLOEXEC) != 0)
      throw Error(ErrorCode::kResourceExhausted, fmt::format("[process] pipe: {}", std::strerror(errno)));
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read_end() const { return fds_[0]; }
  int write_end() const { return fds_[1]; }
  void close_read() { close_one(fds_[0]); }
  void close_write() { close_one(fds_[1]); }

 private:
  static void close_one(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  std::array<int, 2> fds_{-1, -1};
};

struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!extra.contains(std::string(text.substr(0, text.find('='))))) out.emplace_back(text);
  }
  for (const auto& [name, value] : extra) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// Reads what is there. False at end of file.
bool drain(int fd, std::string& into, const std::function<void(std::string_view)>& on_output) {
  char buffer[1 << 14];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  into.append(buffer, static_cast<size_t>(n));
  if (on_output) on_output({buffer, static_cast<size_t>(n)});
  return true;
}

}  // namespace

HostProcessResult run_host_process(const HostProcess& process, const std::stop_token& stop) {
  if (process.argv.empty()) throw Error(ErrorCode::kInvalidArgument, "[process] no program given");
  Pipe in, out, err;
  SpawnSettings settings;
  posix_spawn_file_actions_adddup2(&settings.actions, in.read_end(), 0);
  posix_spawn_file_actions_adddup2(&settings.actions, out.write_end(), 1);
  posix_spawn_file_actions_adddup2(&settings.actions, err.write_end(), 2);
  if (!process.cwd.empty()) posix_spawn_file_actions_addchdir_np(&settings.actions, process.cwd.c_str());
  // Its own process group, so that a stop reaches its children too.
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGINT);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &defaults);

  auto arguments = process.argv;
  auto environment = merged_environment(process.extra_env);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, arguments[0].c_str(), &settings.actions, &settings.attributes, pointers(arguments).data(),
                                   pointers(environment).data());
  if (error != 0) {
    throw Error(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kFailedPrecondition,
                fmt::format("[process] cannot start {}: {}", process.argv[0], std::strerror(error)));
  }
  in.close_read();
  out.close_write();
  err.close_write();
  ::fcntl(in.write_end(), F_SETFL, O_NONBLOCK);

  HostProcessResult result;
  const auto start = std::chrono::steady_clock::now();
  std::string_view to_send = process.stdin_text;
  bool out_open = true, err_open = true, killed = false;
  int status = 0;
  bool reaped = false;
  const auto kill_group = [&] {
    killed = true;
    ::kill(-pid, SIGKILL);
  };
  if (to_send.empty()) in.close_write();
  // A grandchild may keep a pipe open after the program ended, hence the wait for the program, not only for end of file.
  while (!reaped || out_open || err_open) {
    std::array<pollfd, 3> polls{};
    polls[0] = {out_open ? out.read_end() : -1, POLLIN, 0};
    polls[1] = {err_open ? err.read_end() : -1, POLLIN, 0};
    polls[2] = {in.write_end(), POLLOUT, 0};
    const int ready = ::poll(polls.data(), polls.size(), 20);
    if (ready > 0) {
      if (out_open && polls[0].revents != 0) out_open = drain(out.read_end(), result.out, process.on_output);
      if (err_open && polls[1].revents != 0) err_open = drain(err.read_end(), result.err, {});
      if (in.write_end() >= 0 && polls[2].revents != 0) {
        sigset_t pipe_signal, previous;
        sigemptyset(&pipe_signal);
        sigaddset(&pipe_signal, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_signal, &previous);
        const ssize_t n = ::write(in.write_end(), to_send.data(), to_send.size());
        const bool broken = n < 0 && errno == EPIPE;
        if (broken) {
          timespec zero{};
          sigtimedwait(&pipe_signal, nullptr, &zero);
        }
        pthread_sigmask(SIG_SETMASK, &previous, nullptr);
        if (n > 0) to_send.remove_prefix(static_cast<size_t>(n));
        if (broken || to_send.empty()) in.close_write();
      }
    }
    if (!reaped && ::waitpid(pid, &status, WNOHANG) == pid) reaped = true;
    if (reaped && ready == 0) break;  // the program is gone and nothing more came: a grandchild keeps the pipe
    if (!killed && stop.stop_requested()) kill_group();
    if (!killed && process.timeout.count() > 0 && std::chrono::steady_clock::now() - start > process.timeout) {
      result.timed_out = true;
      kill_group();
    }
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  throw_if_stopped(stop);
  return result;
}

}  // namespace aicoder
