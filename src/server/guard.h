// Who may ask: bearer token, Host (DNS rebinding), Origin (other web pages), content type, and how often.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"

namespace aicoder::server {

/// "127.0.0.1", "::1", "localhost": nobody else can come from there.
bool is_loopback(std::string_view host);
/// The same time whatever the texts hold; how long they are may show.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// What is looked at before a body is read.
struct RequestHead {
  std::string method, path;
  std::vector<std::string> hosts;  ///< every Host header
  std::string origin, fetch_site, authorization, content_type;
  bool has_body = false;
};

class Guard {
 public:
  Guard(std::string token, std::vector<std::string> hosts, std::vector<std::string> origins);
  /// \throws ApiError 400 (no Host), 401, 403, 415.
  void check(const RequestHead& head) const;
  /// For Access-Control-Allow-Origin.
  bool is_allowed_origin(std::string_view origin) const;

 private:
  void check_host(const RequestHead& head) const;
  void check_origin(const RequestHead& head) const;
  void check_token(const RequestHead& head) const;
  std::string token_;
  std::vector<std::string> hosts_, origins_;
};

/// A bucket for each address that fills again with time. Thread-safe.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  /// \param per_minute  0: no limit
  explicit RateLimit(size_t per_minute);
  /// None: go on. Else how long to wait.
  std::optional<std::chrono::seconds> take(const std::string& address, Clock::time_point now);

 private:
  struct Bucket {
    double left = 0;
    Clock::time_point at;
  };
  double per_second_, most_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace aicoder::server
