// What the engine's thread has made and the thread of a connection has not sent yet. Bounded: a slow reader does not fill the memory.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/model.h"

namespace aicoder::server {

struct Piece {
  size_t sample = 0;
  std::string text;
  std::vector<TokenLogprob> logprobs;  ///< of the tokens that the text completes

  size_t bytes() const noexcept {
    size_t n = text.size() + logprobs.size() * sizeof(TokenLogprob);
    for (const auto& logprob : logprobs) n += logprob.top.size() * sizeof(logprob.top[0]);
    return n;
  }
};

class PieceQueue {
 public:
  explicit PieceQueue(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// Never blocks: it is called on the engine's thread. False: the reader is gone, or too far behind.
  bool push(Piece piece) {
    const std::lock_guard lock(mutex_);
    if (closed_ || bytes_ + piece.bytes() > limit_bytes_) {
      closed_ = true;
      return false;
    }
    bytes_ += piece.bytes();
    pieces_.push_back(std::move(piece));
    ready_.notify_one();
    return true;
  }
  std::optional<Piece> pop(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, limit, [&] { return !pieces_.empty(); });
    if (pieces_.empty()) return std::nullopt;
    Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    bytes_ -= piece.bytes();
    return piece;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  /// The reader was too slow, or close() was called.
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  const size_t limit_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Piece> pieces_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace aicoder::server
