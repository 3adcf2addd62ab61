// A client of an OpenAI endpoint that measures: one connection, one streamed answer at a time. Private to src/bench.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>

#include "aicoder/core.h"

namespace aicoder {

struct ChatTiming {
  double first_ms = 0, total_ms = 0;  ///< from sending to the first piece of text, and to the end
  size_t tokens = 0;                  ///< of the answer: as the server counts them, else the pieces that came
  size_t prompt_tokens = 0, cached_tokens = 0;
};

/// Not thread-safe: one for each stream.
class ChatClient {
 public:
  /// \param base_url  "http://127.0.0.1:8080/v1"
  ChatClient(std::string base_url, std::string token, std::stop_token stop);
  ~ChatClient();
  ChatClient(const ChatClient&) = delete;
  ChatClient& operator=(const ChatClient&) = delete;

  /// POST /chat/completions; stream and stream_options are set here.
  /// \throws Error kUnavailable (no connection, a status of error, with what the server said), kInternal (no stream, no text), kCancelled.
  ChatTiming chat(nlohmann::json body);
  /// Body of GET base_url + path. \throws Error kUnavailable, kCancelled.
  std::string get(const std::string& path);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a stream of server-sent events said so far; bytes come in any pieces.
class ChatStream {
 public:
  /// \return whether the first text is in what was added.  \throws Error(kInternal) for an event that is no JSON, kUnavailable for an
  /// error.
  bool add(std::string_view bytes);
  bool done() const noexcept { return done_; }
  size_t pieces() const noexcept { return pieces_; }
  ChatTiming counts() const;

 private:
  void read_event(std::string_view data);
  std::string rest_;
  size_t pieces_ = 0, tokens_ = 0, prompt_tokens_ = 0, cached_tokens_ = 0;
  bool done_ = false;
};

}  // namespace aicoder
