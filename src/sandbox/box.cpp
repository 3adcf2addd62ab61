#include "sandbox/box.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "sandbox/box_image.h"
#include "sandbox/bwrap_command.h"
#include "sandbox/memory_file.h"
#include "sandbox/output_pump.h"
#include "sandbox/seccomp_filter.h"

namespace aicoder::box {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::kResourceExhausted, "[sandbox] " + what + ": " + std::strerror(errno));
}

std::string setup_bytes(const BoxPlan& plan) {
  const std::string& filter = seccomp_program();
  BoxSetup head{};
  head.argv_count = plan.argv.size();
  head.env_count = plan.env.size();
  head.filter_count = filter.size() / 8;
  head.max_tasks = plan.limits.processes + kTaskSlack;
  head.cpu_seconds = static_cast<uint64_t>(plan.limits.cpu.count()) / 1000 + 2;
  head.file_bytes = plan.limits.file_bytes;
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes += filter;
  for (const auto* list : {&plan.argv, &plan.env}) {
    for (const std::string& text : *list) bytes.append(text).push_back('\0');
  }
  return bytes;
}

struct Pipe {
  UniqueFd read, write;
};

Pipe output_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) fail("no pipe");
  Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  // So that the program can open /dev/stdout again, as scripts do.
  if (box_user() != ::geteuid()) (void)!::fchown(pipe.write.get(), box_user(), box_user());
  return pipe;
}

void signal_pidfd(const UniqueFd& pidfd) {
  if (pidfd) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

bool ended_within(const UniqueFd& pidfd, int timeout_ms) {
  pollfd waiting{pidfd.get(), POLLIN, 0};
  int result = 0;
  while ((result = ::poll(&waiting, 1, timeout_ms)) < 0 && errno == EINTR) {
  }
  return result > 0;
}

}  // namespace

Box::Box(const BoxPlan& plan) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) fail("no socket pair");
  control_.reset(sockets[0]);
  const UniqueFd far_control(sockets[1]);
  const int on = 1;
  ::setsockopt(control_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);

  Pipe out = output_pipe(), err = output_pipe();
  const UniqueFd in = memory_file("stdin", plan.stdin_text);
  const UniqueFd setup = memory_file("setup", setup_bytes(plan));
  std::vector<int> fds = {in.get(), out.write.get(), err.write.get(), far_control.get(), box_image_fd(), setup.get()};
  BwrapPlan command{plan.bwrap, plan.limits.scratch_bytes, {}, static_cast<int>(fds.size())};
  for (const auto& path : plan.read_only) command.read_only.push_back({path, path});
  std::vector<std::string> lent;
  for (const auto& path : plan.lent) {
    command.read_only.push_back(
        {std::filesystem::path(lending_place() != nullptr ? lending_place() : "/") / std::to_string(lent.size()), path});
    lent.push_back(path.string());
  }
  std::vector<UniqueFd> etc;
  for (const EtcFile& file : etc_files()) {
    etc.push_back(memory_file("etc", file.content));
    fds.push_back(etc.back().get());
  }
  bwrap_ = spawn(bwrap_command(command), fds, lent);
  out_ = std::move(out.read);
  err_ = std::move(err.read);
}

std::optional<std::string> Box::wait_ready(std::chrono::milliseconds timeout) {
  pollfd waiting{control_.get(), POLLIN, 0};
  int result = 0;
  while ((result = ::poll(&waiting, 1, static_cast<int>(timeout.count()))) < 0 && errno == EINTR) {
  }
  if (result == 0) return "bubblewrap did not set up the box in " + std::to_string(timeout.count()) + " ms";
  if (auto problem = take_ready()) {
    end();
    OutputTail said(4096);  // bubblewrap explains itself on the program's stderr
    pump(err_.get(), OutputTail::Stream::kErr, said);
    std::string text = to_valid_utf8(said.text(OutputTail::Stream::kErr));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.empty() ? *problem : *problem + ": " + text;
  }
  return std::nullopt;
}

std::optional<std::string> Box::take_ready() {
  BoxMessage message{};
  iovec data{&message, sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(ucred))] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  ssize_t size = 0;
  while ((size = ::recvmsg(control_.get(), &header, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (size != static_cast<ssize_t>(sizeof message)) return "bubblewrap ended before the box stood";
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_RIGHTS && part->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
      int fds[2];
      std::memcpy(fds, CMSG_DATA(part), sizeof fds);
      scratch_.reset(fds[0]);
      proc_.reset(fds[1]);
    } else if (part->cmsg_type == SCM_CREDENTIALS) {
      ucred who{};
      std::memcpy(&who, CMSG_DATA(part), sizeof who);  // filled in by the kernel: the number by which we know process 1
      init_pid_ = who.pid;
    }
  }
  if (message.event == BoxEvent::kBroken) return std::string("process 1 of the box: ") + message.step + ": " + std::strerror(message.value);
  if (message.event != BoxEvent::kReady || !scratch_ || !proc_ || init_pid_ <= 0) return "process 1 of the box gave an incomplete answer";
  // It waits for our word, so the number cannot have passed to another process.
  init_pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, init_pid_, 0)));
  if (!init_pidfd_) return std::string("pidfd_open: ") + std::strerror(errno);
  return std::nullopt;
}

void Box::go() {
  BoxMessage message{};
  message.event = BoxEvent::kGo;
  (void)!::send(control_.get(), &message, sizeof message, MSG_NOSIGNAL);  // if it has died, hear() will say so
}

std::optional<BoxMessage> Box::hear() {
  BoxMessage message{};
  ssize_t size = 0;
  while ((size = ::recv(control_.get(), &message, sizeof message, 0)) < 0 && errno == EINTR) {
  }
  if (size != static_cast<ssize_t>(sizeof message)) return std::nullopt;
  return message;
}

void Box::kill() {
  // The death of process 1 takes the whole PID namespace with it; before it is known, bubblewrap's takes process 1.
  signal_pidfd(init_pidfd_ ? init_pidfd_ : bwrap_.pidfd);
}

void Box::end() {
  if (bwrap_.pid < 0) return;
  kill();
  if (!ended_within(bwrap_.pidfd, 5000)) {
    signal_pidfd(bwrap_.pidfd);
    ended_within(bwrap_.pidfd, -1);
  }
  while (::waitpid(bwrap_.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (init_pidfd_) ended_within(init_pidfd_, 5000);
  bwrap_.pid = -1;
}

}  // namespace aicoder::box
