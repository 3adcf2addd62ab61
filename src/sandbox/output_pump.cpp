#include "sandbox/output_pump.h"

#include <unistd.h>

#include <cerrno>

namespace aicoder::box {

void OutputTail::add(Stream stream, std::string bytes) {
  total_ += bytes.size();
  held_ += bytes.size();
  // Small writes join the chunk before them, so that a program printing byte by byte costs bytes, not chunks.
  if (!chunks_.empty() && chunks_.back().stream == stream && chunks_.back().bytes.size() < 4096) {
    chunks_.back().bytes += bytes;
  } else {
    chunks_.push_back({stream, std::move(bytes)});
  }
  while (held_ > limit_) {
    Chunk& oldest = chunks_.front();
    const uint64_t excess = held_ - limit_;
    if (oldest.bytes.size() <= excess) {
      held_ -= oldest.bytes.size();
      chunks_.pop_front();
    } else {
      oldest.bytes.erase(0, excess);
      held_ -= excess;
    }
  }
}

std::string OutputTail::text(Stream stream) const {
  std::string all;
  for (const Chunk& chunk : chunks_) {
    if (chunk.stream == stream) all += chunk.bytes;
  }
  return all;
}

bool pump(int fd, OutputTail::Stream stream, OutputTail& tail, size_t limit_bytes) {
  char buffer[1 << 16];
  for (size_t taken = 0; taken < limit_bytes;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) {
      tail.add(stream, std::string(buffer, static_cast<size_t>(n)));
      taken += static_cast<size_t>(n);
    } else if (n == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
  }
  return true;
}

}  // namespace aicoder::box
