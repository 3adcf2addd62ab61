#include "sandbox/attack/firing.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "sandbox/box_run.h"

namespace aicoder::attack {
namespace {
using box::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr size_t kMostOutput = size_t{32} << 20;

struct Streams {
  UniqueFd read, write;
};
Streams make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0)
    throw Error(ErrorCode::kResourceExhausted, std::string("[sandbox attack] no pipe: ") + std::strerror(errno), "ulimit -n 1024");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<std::string> command(const Scene& scene, const Firing& firing) {
  if (!firing.argv.empty()) return firing.argv;
  std::vector<std::string> argv = {scene.attacker.string()};
  if (firing.in_namespace && !firing.inside) argv.emplace_back("in-namespace");
  argv.push_back(firing.code);
  argv.push_back(scene.nonce);
  argv.insert(argv.end(), firing.args.begin(), firing.args.end());
  return argv;
}

/// As a simple program would: starts it, reads until its streams end. What is left open keeps it waiting.
void fire_outside(Scene& scene, Firing& firing) {
  for (const auto& [path, content] : firing.request.files) std::ofstream(scene.work() / path) << content;
  std::vector<std::string> words = command(scene, firing);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Streams out = make_pipe(), err = make_pipe();
  const std::string folder = scene.work().string();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(out.write.get(), 1);
    ::dup2(err.write.get(), 2);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  out.write.reset();
  err.write.reset();
  const auto deadline = Clock::now() + firing.patience;
  bool out_open = true, err_open = true, killed = false;
  std::vector<char> buffer(1 << 16);
  while (out_open || err_open) {
    pollfd waiting[2] = {{out_open ? out.read.get() : -1, POLLIN, 0}, {err_open ? err.read.get() : -1, POLLIN, 0}};
    ::poll(waiting, 2, 50);
    const auto take = [&](short revents, int fd, std::string& text, bool& open) {
      if (revents == 0) return;
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      open = n > 0;
      if (n > 0 && text.size() < kMostOutput) text.append(buffer.data(), static_cast<size_t>(n));
    };
    take(waiting[0].revents, out.read.get(), firing.out, out_open);
    take(waiting[1].revents, err.read.get(), firing.err, err_open);
    if (!killed && (Clock::now() > deadline || firing.stop.stop_requested())) {
      killed = true;
      ::kill(-pid, SIGKILL);
    }
    if (killed && Clock::now() > deadline + std::chrono::seconds(5)) break;  // somebody left the group and holds the stream
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  firing.group = pid;
  firing.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void fire_inside(Scene& scene, Firing& firing) {
  SandboxRequest request = firing.request;
  request.argv = command(scene, firing);
  request.read_only.push_back(scene.attacker.parent_path());
  try {
    firing.box = box::run_in_box(request, firing.stop);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    firing.refused = error.what();
    return;
  }
  firing.out = firing.box.out;
  firing.err = firing.box.err;
  firing.exit_code = firing.box.exit_code;
}

/// A result across the border of a process.
void send_result(int fd, const Firing& firing) {
  const std::string head = std::to_string(firing.exit_code) + " " + std::to_string(static_cast<int>(firing.box.verdict)) + " " +
                           std::to_string(firing.attempted) + " " + std::to_string(firing.refused.size()) + " " +
                           std::to_string(firing.box.detail.size()) + " " + std::to_string(firing.out.size()) + "\n";
  const std::string all = head + firing.refused + firing.box.detail + firing.out + firing.err;
  for (size_t done = 0; done < all.size();) {
    const ssize_t n = ::write(fd, all.data() + done, all.size() - done);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

void take_result(const std::string& all, Firing& firing) {
  int verdict = static_cast<int>(Verdict::kSandboxErr), attempted = 0;
  size_t refused = 0, detail = 0, out = 0;
  const size_t end = all.find('\n');
  if (end == std::string::npos ||
      std::sscanf(all.c_str(), "%d %d %d %zu %zu %zu", &firing.exit_code, &verdict, &attempted, &refused, &detail, &out) != 6) {
    return;
  }
  firing.box.verdict = static_cast<Verdict>(verdict);
  firing.attempted = attempted != 0;
  std::string rest = all.substr(end + 1);
  const auto take = [&rest](size_t size) {
    std::string part = rest.substr(0, size);
    rest.erase(0, size);
    return part;
  };
  firing.refused = take(refused);
  firing.box.detail = take(detail);
  firing.out = take(out);
  firing.err = rest;
}

/// Our child: fires, sends what it saw, ends without the ways of an ordinary exit (it is a copy of a program with threads).
pid_t fork_to_fire(Scene& scene, Firing& firing, int result_fd, const std::function<void()>& prepare) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  try {
    prepare();
    fire(scene, firing);
    send_result(result_fd, firing);
  } catch (...) {  // at the edge of the process: no result is an answer too
  }
  ::_exit(0);
}

std::string read_to_end(int fd, std::chrono::milliseconds patience, int other = -1, std::string* other_text = nullptr) {
  std::string text;
  const auto deadline = Clock::now() + patience;
  std::vector<char> buffer(1 << 16);
  while (Clock::now() < deadline) {
    pollfd waiting[2] = {{fd, POLLIN, 0}, {other, POLLIN, 0}};
    if (::poll(waiting, 2, 100) <= 0) continue;
    if ((waiting[1].revents & POLLIN) != 0) {
      const ssize_t n = ::read(other, buffer.data(), buffer.size());
      if (n > 0) other_text->append(buffer.data(), static_cast<size_t>(n));
    }
    if (waiting[0].revents == 0) continue;
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(n));
  }
  return text;
}

}  // namespace

void fire(Scene& scene, Firing& firing) {
  const auto start = Clock::now();
  if (firing.inside) {
    fire_inside(scene, firing);
  } else {
    fire_outside(scene, firing);
  }
  firing.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const bool other_program = !firing.argv.empty() && firing.exit_code != 127;
  // Of a flood only the end is kept, without the word of the beginning.
  firing.attempted =
      other_program || firing.out.find("attempt\n") != std::string::npos || (firing.inside && firing.box.verdict == Verdict::kOle);
}

void fire_in_child(Scene& scene, Firing& firing, const std::function<void()>& prepare) {
  Streams result = make_pipe();
  const auto start = Clock::now();
  const pid_t pid = fork_to_fire(scene, firing, result.write.get(), prepare);
  result.write.reset();
  take_result(read_to_end(result.read.get(), firing.patience + std::chrono::seconds(20)), firing);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  firing.seconds = std::chrono::duration<double>(Clock::now() - start).count();
}

void fire_on_terminal(Scene& scene, Firing& firing) {
  const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[128] = {};
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 || ::ptsname_r(master.get(), name, sizeof name) != 0) {
    firing.skipped = "no terminal can be made here";
    return;
  }
  const UniqueFd slave(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  termios settings{};
  ::tcgetattr(slave.get(), &settings);
  ::cfmakeraw(&settings);
  ::tcsetattr(slave.get(), TCSANOW, &settings);

  Streams result = make_pipe();
  const pid_t pid = fork_to_fire(scene, firing, result.write.get(), [&] {
    ::setsid();
    const int tty = ::open(name, O_RDWR);  // the first terminal a new session opens is its own
    ::ioctl(tty, TIOCSCTTY, 0);
    ::dup2(tty, 0);
    ::dup2(tty, 1);
    ::dup2(tty, 2);
  });
  result.write.reset();
  take_result(read_to_end(result.read.get(), firing.patience + std::chrono::seconds(20), master.get(), &scene.terminal_screen), firing);
  scene.terminal_screen += read_to_end(master.get(), std::chrono::milliseconds(50));
  char typed[4096];
  const ssize_t n = ::read(slave.get(), typed, sizeof typed);
  if (n > 0) scene.terminal_typed.assign(typed, static_cast<size_t>(n));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

void fire_and_die(Scene& scene, Firing& firing) {
  const pid_t pid = fork_to_fire(scene, firing, -1, [] { ::setpgid(0, 0); });
  for (int i = 0; i < 500 && !firing.attempted; ++i) {
    firing.attempted = !scene.stayers().empty();
    if (!firing.attempted) ::usleep(20'000);
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  firing.exit_code = 128 + SIGKILL;
  firing.box.verdict = Verdict::kSig;
  firing.box.detail = "the program that started the box was killed";
  // The kernel takes a moment to end what dies with it.
  for (int i = 0; i < 100 && !scene.stayers().empty(); ++i) ::usleep(20'000);
}

std::string describe(const Firing& firing) {
  if (!firing.skipped.empty()) return firing.skipped;
  if (!firing.refused.empty()) return "refused: " + firing.refused;
  std::string text;
  if (firing.inside) {
    text = std::string(to_string(firing.box.verdict));
    if (!firing.box.detail.empty()) text += ", " + firing.box.detail;
  } else {
    text = "exit " + std::to_string(firing.exit_code);
  }
  // What the attack said of itself.
  const size_t at = firing.out.rfind("no effect: ");
  if (at != std::string::npos) text += ", " + firing.out.substr(at + 11, firing.out.find('\n', at) - at - 11);
  return text;
}

}  // namespace aicoder::attack
