// One box from its start to its end: bubblewrap, process 1, the descriptors between them and us.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/sandbox.h"
#include "sandbox/box_wire.h"
#include "sandbox/spawn.h"
#include "sandbox/unique_fd.h"

namespace aicoder::box {

struct BoxPlan {
  std::filesystem::path bwrap;
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< NAME=value
  std::vector<std::filesystem::path> read_only;
  std::vector<std::filesystem::path> lent;  ///< read-only too: folders that box_user() cannot reach and we can
  std::string stdin_text;
  SandboxLimits limits;
};

/// Not thread-safe; different boxes are independent. Destroyed: every process of it has ended and been waited for.
class Box {
 public:
  /// Starts bubblewrap. The program does not run yet. \throws Error(kFailedPrecondition, kResourceExhausted).
  explicit Box(const BoxPlan& plan);
  ~Box() { end(); }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  /// Waits until the box stands. \return why it does not; nothing when it does.
  std::optional<std::string> wait_ready(std::chrono::milliseconds timeout);
  /// Starts the program.
  void go();
  /// What process 1 said; nothing when it has gone without a word. Call when control_fd() is readable.
  std::optional<BoxMessage> hear();
  /// Ends every process of the box at once. Their last output can still be read.
  void kill();
  /// kill(), then waits until all is gone.
  void end();

  int control_fd() const { return control_.get(); }
  int out_fd() const { return out_.get(); }
  int err_fd() const { return err_.get(); }
  int scratch_fd() const { return scratch_.get(); }
  int proc_fd() const { return proc_.get(); }
  pid_t init_pid() const { return init_pid_; }

 private:
  std::optional<std::string> take_ready();

  UniqueFd control_, out_, err_, scratch_, proc_, init_pidfd_;
  pid_t init_pid_ = -1;
  Spawned bwrap_;
};

}  // namespace aicoder::box
