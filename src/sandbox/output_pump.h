// Collects what a boxed program writes, without ever holding more than the limit.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace aicoder::box {

/// Keeps the last `limit_bytes` of two streams taken together. Not thread-safe.
class OutputTail {
 public:
  enum class Stream { kOut, kErr };
  explicit OutputTail(uint64_t limit_bytes) : limit_(limit_bytes) {}

  void add(Stream stream, std::string bytes);
  bool over_limit() const { return total_ > limit_; }
  std::string text(Stream stream) const;

 private:
  struct Chunk {
    Stream stream;
    std::string bytes;
  };
  std::deque<Chunk> chunks_;
  uint64_t limit_, held_ = 0, total_ = 0;
};

/// Reads what is there from a non-blocking descriptor, at most `limit_bytes` a call so that other work gets its turn.
/// \return false at the end of the stream.
bool pump(int fd, OutputTail::Stream stream, OutputTail& tail, size_t limit_bytes = size_t{1} << 18);

}  // namespace aicoder::box
