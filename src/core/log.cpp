#include <mutex>

#include "aicoder/core.h"

namespace aicoder {
namespace {

struct LogState {
  std::mutex mutex;
  LogSink sink;
  LogLevel at_least = LogLevel::kWarn;
};

// The one piece of process-wide state: llama.cpp's own log callback is process-wide too.
LogState& log_state() {
  static LogState state;
  return state;
}

}  // namespace

void set_log_sink(LogSink sink, LogLevel at_least) {
  auto& state = log_state();
  const std::lock_guard lock(state.mutex);
  state.sink = std::move(sink);
  state.at_least = at_least;
}

void log(LogLevel level, std::string_view message) {
  auto& state = log_state();
  const std::lock_guard lock(state.mutex);
  if (state.sink && level >= state.at_least) state.sink(level, message);
}

}  // namespace aicoder
