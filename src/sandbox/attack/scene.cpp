#include "sandbox/attack/scene.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "aicoder/core.h"

namespace aicoder::attack {
namespace {
namespace fs = std::filesystem;
using box::UniqueFd;

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::kFailedPrecondition, "[sandbox attack] " + what + ": " + std::strerror(errno), "aicoder doctor");
}

/// A pipe's size of answer, with an end.
std::string read_briefly(int fd, int patience_ms) {
  std::string text;
  char buffer[512];
  pollfd waiting{fd, POLLIN, 0};
  while (text.size() < 4096 && ::poll(&waiting, 1, patience_ms) > 0) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
    patience_ms = 20;
  }
  return text;
}

}  // namespace

std::string random_word() {
  std::random_device random;
  std::string word;
  for (int i = 0; i < 32; ++i) word += "0123456789abcdef"[random() % 16];
  return word;
}

Ear::Ear(UniqueFd socket, bool stream, std::string secret)
    : socket_(std::move(socket)), end_(::eventfd(0, EFD_CLOEXEC)), stream_(stream), secret_(std::move(secret)), thread_([this] {
        listen();
      }) {}

Ear::~Ear() {
  const uint64_t one = 1;
  (void)!::write(end_.get(), &one, sizeof one);
  thread_.join();
}

void Ear::listen() {
  for (;;) {
    pollfd waiting[2] = {{socket_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    std::string text;
    if (stream_) {
      const UniqueFd call(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!call) continue;
      text = read_briefly(call.get(), 2000);
      if (text.starts_with("GET")) {
        const std::string answer = "HTTP/1.0 200 OK\r\n\r\n" + secret_;
        ::send(call.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    } else {
      char buffer[512];
      const ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) text.assign(buffer, static_cast<size_t>(n));
    }
    const std::lock_guard lock(mutex_);
    text_ += text;
  }
}

bool Ear::heard(const std::string& text) {
  for (int i = 0; i < 30; ++i) {
    {
      const std::lock_guard lock(mutex_);
      if (text_.find(text) != std::string::npos) return true;
    }
    ::usleep(5000);
  }
  return false;
}

Scene::Scene(fs::path folder_, fs::path attacker_)
    : nonce(random_word()),
      secret(random_word()),
      folder(std::move(folder_)),
      attacker(std::move(attacker_)),
      key_(static_cast<int>(std::stoul(nonce.substr(0, 7), nullptr, 16) | 1)) {
  const mode_t before = ::umask(022);
  for (const fs::path& path : {folder, work(), shared()}) fs::create_directories(path);
  ::umask(before);
  std::ofstream(secret_file()) << secret;
  std::ofstream(target_file()) << "original";
  for (const fs::path& path : {folder, work(), shared()}) fs::permissions(path, fs::perms(0777));  // the box's user too, were it let out
  fs::permissions(secret_file(), fs::perms(0644));
  fs::permissions(target_file(), fs::perms(0666));
}

Scene::~Scene() {
  // Daemons of all kinds: nobody else has this word among the arguments.
  for (pid_t pid : processes_with(nonce)) ::kill(pid, SIGKILL);
  for (int i = 0; i < 100 && !processes_with(nonce).empty(); ++i) ::usleep(5000);  // the dead have no command line
  if (victim_ > 0) {
    ::kill(victim_, SIGKILL);
    ::waitpid(victim_, nullptr, 0);
  }
  ears_.clear();
  if (segment_ >= 0) ::shmctl(segment_, IPC_RMID, nullptr);
  if (const int left = ::shmget(key_, 0, 0); left >= 0) ::shmctl(left, IPC_RMID, nullptr);
  if (queue_ >= 0) ::msgctl(queue_, IPC_RMID, nullptr);
  if (semaphore_ >= 0) ::semctl(semaphore_, 0, IPC_RMID);
  if (posix_queue_ >= 0) {
    ::close(posix_queue_);
    ::syscall(SYS_mq_unlink, nonce.c_str());
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

pid_t Scene::victim() {
  if (victim_ > 0) return victim_;
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) fail("no pipe");
  const UniqueFd out(fds[0]);
  UniqueFd in(fds[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.get(), 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::string program = (victim_program.empty() ? attacker : victim_program).string(), name = "victim", word = nonce,
              file = secret_file().string(), told = "--token=" + secret;
  std::string environment = "AICODER_VICTIM_SECRET=" + secret;
  char* argv[] = {program.data(), name.data(), word.data(), file.data(), told.data(), nullptr};
  char* env[] = {environment.data(), nullptr};
  const int error = ::posix_spawn(&victim_, program.c_str(), &actions, &attributes, argv, env);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    errno = error;
    fail("cannot start " + program);
  }
  in.reset();
  victim_address_ = read_briefly(out.get(), 10'000);
  while (!victim_address_.empty() && victim_address_.back() == '\n') victim_address_.pop_back();
  return victim_;
}

const std::string& Scene::victim_address() {
  victim();
  return victim_address_;
}

bool Scene::victim_lives() const {
  siginfo_t info{};
  for (int i = 0; i < 10; ++i) {
    if (::waitid(P_PID, static_cast<id_t>(victim_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == victim_) return false;
    ::usleep(5000);
  }
  return true;
}

bool Scene::victim_stopped() const {
  const std::string stat = read("/proc/" + std::to_string(victim_) + "/stat");
  const size_t end = stat.rfind(')');
  return end != std::string::npos && end + 2 < stat.size() && stat[end + 2] == 'T';
}

int Scene::listen_tcp(const std::string& address) {
  sockaddr_storage place{};
  socklen_t size = sizeof(sockaddr_in);
  if (address.find(':') != std::string::npos) {
    auto& six = reinterpret_cast<sockaddr_in6&>(place);
    six.sin6_family = AF_INET6;
    ::inet_pton(AF_INET6, address.c_str(), &six.sin6_addr);
    size = sizeof six;
  } else {
    auto& four = reinterpret_cast<sockaddr_in&>(place);
    four.sin_family = AF_INET;
    ::inet_pton(AF_INET, address.c_str(), &four.sin_addr);
  }
  UniqueFd socket(::socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&place), size) != 0 || ::listen(socket.get(), 8) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&place), &size) != 0) {
    return -1;
  }
  ears_.push_back(std::make_unique<Ear>(std::move(socket), true, secret));
  return ntohs(reinterpret_cast<sockaddr_in&>(place).sin_port);  // the port stands at the same place in both kinds of address
}

int Scene::listen_udp() {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&place), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&place), &size) != 0) {
    return -1;
  }
  ears_.push_back(std::make_unique<Ear>(std::move(socket), false, secret));
  return ntohs(place.sin_port);
}

void Scene::listen_unix(const std::string& name) {
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  name.copy(place.sun_path, sizeof place.sun_path - 1);
  auto size = static_cast<socklen_t>(sizeof place);
  if (name.front() == '@') {
    place.sun_path[0] = '\0';
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&place), size) != 0 || ::listen(socket.get(), 8) != 0) fail("no socket");
  if (name.front() != '@') ::chmod(name.c_str(), 0777);
  ears_.push_back(std::make_unique<Ear>(std::move(socket), true, secret));
}

bool Scene::heard() const {
  bool any = false;
  for (const auto& ear : ears_) any = ear->heard(nonce) || any;
  return any;
}

void Scene::make_segment() {
  segment_ = ::shmget(key_, 4096, IPC_CREAT | IPC_EXCL | 0666);
  void* at = segment_ < 0 ? reinterpret_cast<void*>(-1) : ::shmat(segment_, nullptr, 0);
  if (at == reinterpret_cast<void*>(-1)) return;  // no System V here: the control will say so
  std::memcpy(at, secret.c_str(), secret.size() + 1);
  ::shmdt(at);
}
void Scene::make_message_queue() { queue_ = ::msgget(key_, IPC_CREAT | IPC_EXCL | 0666); }
bool Scene::message_arrived() const {
  msqid_ds info{};
  return queue_ >= 0 && ::msgctl(queue_, IPC_STAT, &info) == 0 && info.msg_qnum > 0;
}
void Scene::make_semaphore() {
  semaphore_ = ::semget(key_, 1, IPC_CREAT | IPC_EXCL | 0666);
  if (semaphore_ >= 0) ::semctl(semaphore_, 0, SETVAL, 0);
}
bool Scene::semaphore_raised() const { return semaphore_ >= 0 && ::semctl(semaphore_, 0, GETVAL) > 0; }
bool Scene::segment_left() const { return ::shmget(key_, 0, 0) >= 0; }

bool Scene::make_posix_queue() {
  struct {
    long flags, max_messages, message_size, messages, spare[4];
  } wanted{0, 4, 64, 0, {}};
  const mode_t before = ::umask(0);
  posix_queue_ = static_cast<int>(::syscall(SYS_mq_open, nonce.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0666, &wanted));
  ::umask(before);
  return posix_queue_ >= 0;
}
bool Scene::posix_message_arrived() const {
  char text[64];
  return posix_queue_ >= 0 && ::syscall(SYS_mq_timedreceive, posix_queue_, text, sizeof text, nullptr, nullptr) > 0;
}

std::string Scene::read(const fs::path& path) const {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<pid_t> Scene::processes_with(const std::string& words) const {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read(entry.path() / "cmdline").find(words) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

std::vector<pid_t> Scene::stayers() const { return processes_with(std::string("stay") + '\0' + nonce); }

}  // namespace aicoder::attack
