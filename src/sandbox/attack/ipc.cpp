// Talking to processes outside: System V and POSIX objects, shared folders, descriptors that were left open.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

int shared_segment(const Args& args) {
  attempt();
  const int id = ::shmget(static_cast<key_t>(args.number(0)), 0, 0);
  void* at = id < 0 ? reinterpret_cast<void*>(-1) : ::shmat(id, nullptr, SHM_RDONLY);
  if (at == reinterpret_cast<void*>(-1)) return effect_if(args, false);
  show(static_cast<const char*>(at));
  return 0;
}

int leave_segment(const Args& args) {
  attempt();
  return effect_if(args, ::shmget(static_cast<key_t>(args.number(0)), 1 << 20, IPC_CREAT | 0600) >= 0);
}

int message_queue(const Args& args) {
  struct {
    long type;
    char text[64];
  } message{1, {}};
  std::strncpy(message.text, args.nonce, sizeof message.text - 1);
  attempt();
  const int id = ::msgget(static_cast<key_t>(args.number(0)), 0);
  return effect_if(args, id >= 0 && ::msgsnd(id, &message, sizeof message.text, IPC_NOWAIT) == 0);
}

int semaphore(const Args& args) {
  attempt();
  const int id = ::semget(static_cast<key_t>(args.number(0)), 0, 0);
  sembuf raise{0, 5, IPC_NOWAIT};
  return effect_if(args, id >= 0 && ::semop(id, &raise, 1) == 0);
}

int posix_queue(const Args& args) {
  attempt();
  const int queue = static_cast<int>(::syscall(SYS_mq_open, args.text(0), O_WRONLY | O_NONBLOCK, 0, nullptr));
  return effect_if(args, queue >= 0 && ::syscall(SYS_mq_timedsend, queue, args.nonce, std::strlen(args.nonce), 0, nullptr) == 0);
}

/// Writes a note and looks for the other's: NOTE OTHER. With two boxes at a time each must find nothing.
int exchange_notes(const Args& args) {
  if (!write_file(args.text(0), args.nonce, O_CREAT)) return 2;
  attempt();
  bool found = false;
  for (int i = 0; i < 100 && !found; ++i) {
    found = ::access(args.text(1), F_OK) == 0;
    if (!found) sleep_ms(10);
  }
  sleep_ms(200);  // so that the other has its chance too
  return effect_if(args, found);
}

int exchange_calls(const Args& args) {  // @OWN @OTHER
  const auto place = [&](const char* name, sockaddr_un& out) {
    out.sun_family = AF_UNIX;
    std::strncpy(out.sun_path, name, sizeof out.sun_path - 1);
    out.sun_path[0] = '\0';
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(name));
  };
  sockaddr_un own{}, other{};
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0), client = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const socklen_t own_size = place(args.text(0), own), other_size = place(args.text(1), other);
  if (::bind(server, reinterpret_cast<sockaddr*>(&own), own_size) != 0 || ::listen(server, 4) != 0) return 2;
  attempt();
  bool found = false;
  for (int i = 0; i < 100 && !found; ++i) {
    found = ::connect(client, reinterpret_cast<sockaddr*>(&other), other_size) == 0;
    if (!found) sleep_ms(10);
  }
  sleep_ms(200);
  return effect_if(args, found);
}

/// Whatever was left open above stderr.
int inherited_descriptors(const Args&) {
  attempt();
  for (int fd = 3; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) continue;
    ::lseek(fd, 0, SEEK_SET);
    show_all(fd);
  }
  return 0;
}

/// Tells whoever listens at a socket of ours that all is well: the message by which a box's process 1 reports the end.
int forge_report(const Args& args) {
  struct {
    unsigned event;
    int value;
    long long cpu_us, max_rss_kib, peak_processes;
    char step[32];
  } message{4, 0, 0, 0, 0, {}};
  std::strncpy(message.step, args.nonce, sizeof message.step - 1);
  attempt();
  bool sent = false;
  for (int fd = 0; fd < 1024; ++fd) sent = ::send(fd, &message, sizeof message, MSG_NOSIGNAL) > 0 || sent;
  char path[64];
  for (int fd = 0; fd < 64; ++fd) {
    std::snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
    const int other = ::open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (other >= 0 && args.number(0) != 0) sent = ::write(other, &message, sizeof message) > 0 || sent;
  }
  return effect_if(args, sent);
}

constexpr Entry kEntries[] = {{"shared_segment", shared_segment}, {"leave_segment", leave_segment},
                              {"message_queue", message_queue},   {"semaphore", semaphore},
                              {"posix_queue", posix_queue},       {"exchange_notes", exchange_notes},
                              {"exchange_calls", exchange_calls}, {"inherited_descriptors", inherited_descriptors},
                              {"forge_report", forge_report}};

}  // namespace

Entries ipc_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
