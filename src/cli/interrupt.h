// Ctrl-C, SIGTERM and SIGHUP become a stop request; a second one ends the process at once with 130.
#pragma once

#include <stop_token>
#include <thread>

namespace aicoder::cli {

/// One per process. A turn of `chat` asks for a fresh token with renew(), so that Ctrl-C ends the answer and not the program.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  std::stop_token token() const;
  std::stop_token renew();

 private:
  std::jthread listener_;
};

}  // namespace aicoder::cli
