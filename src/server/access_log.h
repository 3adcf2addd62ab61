// One request from its first line to its last byte: what the access log and the metrics are told of it. Never prompt or answer text.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "server/api_error.h"

namespace aicoder::server {

struct RequestRecord {
  std::string id, remote, method, route, model;
  std::string error;  ///< code of the error; of errors that are no ApiError their text, which no client sees
  std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  int status = 0;
  size_t bytes_in = 0;
  size_t prompt_tokens = 0, reused_tokens = 0, completion_tokens = 0;
  bool streamed = false;
  bool cancelled = false;  ///< the client went away, read too slowly, or the server stopped
};

/// "2026-11-22T10:15:30.123Z"
std::string utc_text(std::chrono::system_clock::time_point time);
/// One JSON object, without a line end.
std::string access_line(const RequestRecord& record);

}  // namespace aicoder::server
