// One request on its way through the engine. Private to src/engine.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder {

using EngineClock = std::chrono::steady_clock;

/// What became of a request: a result, or the error.
struct Outcome {
  GenerationResult result;
  std::exception_ptr error;
  bool started = false;  ///< it had a sequence
};

/// Filled by submit() on the caller's thread, from then on the engine thread's.
struct Ticket {
  GenerateRequest generate;
  std::vector<FragmentFile> files;
  std::vector<ChatMessage> messages;  ///< only while the fragments' files have to say from which of them they are active
  bool active_from_files = false;
  bool urgent = true;
  std::optional<EngineClock::time_point> deadline;
  std::stop_token stop;
  std::function<void(Outcome&&)> on_end;  ///< on the engine thread, once
  EngineClock::time_point submitted;

  std::optional<std::vector<ActiveAdapter>> set;  ///< once its files are loaded
  GenerationResult result;                        ///< what is known before it ends: switch_ms, lane_created, queue_ms
  std::exception_ptr error;                       ///< of its callback, or of its prefix
  size_t prefix_read = 0;                         ///< tokens that the base lane read for it
  double prefix_seconds = 0, prefix_copy_ms = 0;
  size_t prefix_attempts = 0;
};

}  // namespace aicoder
