// What an attack is fired at: files, processes, sockets and kernel objects of the host, made for one firing and gone after it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/unique_fd.h"

namespace aicoder::attack {

/// 32 random hex digits.
std::string random_word();

/// A service of the host that remembers what reached it. Answers "GET" with the secret.
class Ear {
 public:
  /// \param socket  bound; listening when it is a stream
  Ear(box::UniqueFd socket, bool stream, std::string secret);
  ~Ear();
  Ear(const Ear&) = delete;
  Ear& operator=(const Ear&) = delete;
  /// Waits a moment for what is on its way.
  bool heard(const std::string& text);

 private:
  void listen();
  box::UniqueFd socket_, end_;
  bool stream_;
  std::string secret_;
  std::mutex mutex_;
  std::string text_;
  std::thread thread_;
};

class Scene {
 public:
  /// \param folder  made here, removed at the end
  Scene(std::filesystem::path folder, std::filesystem::path attacker);
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  const std::string nonce, secret;  ///< the nonce is told to the attack, the secret is not
  const std::filesystem::path folder, attacker;
  std::filesystem::path secret_file() const { return folder / "secret.txt"; }
  std::filesystem::path target_file() const { return folder / "target.txt"; }  ///< anybody may write it; holds "original"
  std::filesystem::path work() const { return folder / "work"; }               ///< working folder of the control
  std::filesystem::path shared() const { return folder / "shared"; }           ///< what a box is shown read-only

  std::filesystem::path victim_program;  ///< of the victim; the attack program unless set before
  /// Starts the victim on first use: a process with the secret in its environment, arguments, memory and descriptor 3.
  pid_t victim();
  const std::string& victim_address();  ///< of the secret in its memory, hexadecimal
  bool victim_lives() const;
  bool victim_stopped() const;

  /// Each starts an Ear. \return the port.
  int listen_tcp(const std::string& address);
  int listen_udp();
  void listen_unix(const std::string& name);  ///< a path, or "@abstract"
  bool heard() const;

  int ipc_key() const { return key_; }
  void make_segment();        ///< System V shared memory with the secret, readable by all
  void make_message_queue();  ///< System V
  bool message_arrived() const;
  void make_semaphore();
  bool semaphore_raised() const;
  bool segment_left() const;
  bool make_posix_queue();  ///< "/NONCE"; false where the kernel has none
  bool posix_message_arrived() const;

  std::string read(const std::filesystem::path& path) const;  ///< "" when it cannot be read
  /// Processes of this machine that an attack left behind: "stay NONCE".
  std::vector<pid_t> stayers() const;

  std::string terminal_screen, terminal_typed;  ///< of a firing on a terminal

 private:
  std::vector<pid_t> processes_with(const std::string& words) const;

  const int key_;
  pid_t victim_ = -1;
  std::string victim_address_;
  std::vector<std::unique_ptr<Ear>> ears_;
  int segment_ = -1, queue_ = -1, semaphore_ = -1, posix_queue_ = -1;
};

}  // namespace aicoder::attack
