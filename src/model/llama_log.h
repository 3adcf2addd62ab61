// llama.cpp's log: joined into whole lines, sent to aicoder::log, and collected while a call that can fail is running.
#pragma once

#include <string>
#include <vector>

namespace aicoder {

/// Collects what llama.cpp and ggml log on this thread while it lives: their functions return only null on failure,
/// the reason is in the log. Nestable; the innermost one collects.
class LlamaLogCapture {
 public:
  LlamaLogCapture();
  ~LlamaLogCapture();
  LlamaLogCapture(const LlamaLogCapture&) = delete;
  LlamaLogCapture& operator=(const LlamaLogCapture&) = delete;

  /// The error lines so far, joined by "; ", without function prefixes. Empty when there were none.
  std::string errors() const;
  const std::vector<std::string>& lines() const noexcept { return lines_; }
  /// Errors are then logged at debug level: the caller reports them, or expects them (an aborted decode).
  bool quiet = true;
  /// So are warnings: of a decode that is stopped on purpose.
  bool quiet_warnings = false;

 private:
  friend struct LlamaLogAccess;
  std::vector<std::string> lines_, errors_;
  LlamaLogCapture* outer_;
};

}  // namespace aicoder
