#include "server/guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "server/web_page.h"

namespace aicoder::server {
namespace {

constexpr size_t kMaxAddresses = 4096;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_ip_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 || inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

/// "[::1]:8080" -> "::1", "localhost:8080" -> "localhost".
std::string host_name(std::string_view authority) {
  if (authority.starts_with('[')) return lower(authority.substr(1, authority.find(']') - 1));
  const size_t colon = authority.find(':');
  auto name = lower(authority.substr(0, colon));
  if (name.ends_with('.')) name.pop_back();
  return name;
}

ApiError forbidden(const char* name, const std::string& message) { return {403, "invalid_request_error", name, message}; }

}  // namespace

bool is_loopback(std::string_view host) {
  const std::string name = lower(host);
  if (name == "localhost" || name == "::1") return true;
  return name.starts_with("127.") && is_ip_address(name);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Guard::Guard(std::string token, std::vector<std::string> hosts, std::vector<std::string> origins)
    : token_(std::move(token)), hosts_(std::move(hosts)), origins_(std::move(origins)) {
  for (auto& host : hosts_) host = lower(host);
}

void Guard::check(const RequestHead& head) const {
  check_host(head);
  // A link of another page may lead to ours, which holds no secret and asks for the token itself.
  const bool page = head.method == "GET" && is_web_page(head.path);
  if (!page) check_origin(head);
  // A browser asks before a call of another page; the request that follows is checked.
  if (head.method != "OPTIONS" && head.path != "/health" && !page) check_token(head);
  if (head.method == "POST" && head.has_body) {
    // A form of another page can send text and forms without being asked first, JSON not.
    const auto type = lower(head.content_type.substr(0, head.content_type.find(';')));
    if (type != "application/json")
      throw ApiError(415, "invalid_request_error", "unsupported_media_type", "Send JSON: Content-Type: application/json.");
  }
}

void Guard::check_host(const RequestHead& head) const {
  if (head.hosts.size() != 1) throw ApiError(400, "invalid_request_error", "bad_host", "Exactly one Host header is needed.");
  const auto name = host_name(head.hosts[0]);
  // A page whose name was rebound to this address comes with its name, never with an address.
  const bool ok = is_ip_address(name) || name == "localhost" || std::ranges::find(hosts_, name) != hosts_.end();
  if (!ok) throw forbidden("host_not_allowed", "This Host name is not allowed; the operator can allow it with --allow-host NAME.");
}

bool Guard::is_allowed_origin(std::string_view origin) const { return std::ranges::find(origins_, origin) != origins_.end(); }

void Guard::check_origin(const RequestHead& head) const {
  if (head.origin.empty()) {
    // Images and scripts of another page bring no Origin.
    if (head.fetch_site == "cross-site" || head.fetch_site == "same-site")
      throw forbidden("origin_not_allowed", "Requests of other web pages are not allowed.");
    return;
  }
  if (is_allowed_origin(head.origin)) return;
  const bool own = head.origin == "http://" + head.hosts[0] || head.origin == "https://" + head.hosts[0];
  if (!own)
    throw forbidden("origin_not_allowed",
                    "Requests of this web page are not allowed; the operator can allow it with --allow-origin ORIGIN.");
}

void Guard::check_token(const RequestHead& head) const {
  if (token_.empty()) return;
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view given = head.authorization;
  const bool bearer = given.size() > kScheme.size() && lower(given.substr(0, kScheme.size())) == kScheme;
  // Both as hashes: of one length, and nothing of the token shows in how long it takes.
  if (!bearer || !equal_in_constant_time(sha256_hex(given.substr(kScheme.size())), sha256_hex(token_))) {
    throw ApiError(401, "invalid_request_error", "invalid_api_key", "A valid token is needed: Authorization: Bearer TOKEN.");
  }
}

RateLimit::RateLimit(size_t per_minute)
    : per_second_(static_cast<double>(per_minute) / 60), most_(std::max(1.0, std::ceil(static_cast<double>(per_minute) / 4))) {}

std::optional<std::chrono::seconds> RateLimit::take(const std::string& address, Clock::time_point now) {
  if (per_second_ <= 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto refill = [&](Bucket& bucket) {
    bucket.left = std::min(most_, bucket.left + per_second_ * std::chrono::duration<double>(now - bucket.at).count());
    bucket.at = now;
  };
  if (buckets_.size() >= kMaxAddresses && !buckets_.contains(address)) {
    // Those that have not asked for a while have a full bucket and can be forgotten; were there none, the oldest would have to wait.
    for (auto& entry : buckets_) refill(entry.second);
    std::erase_if(buckets_, [&](const auto& entry) { return entry.second.left >= most_; });
    if (buckets_.size() >= kMaxAddresses) return std::chrono::seconds(1);
  }
  auto& bucket = buckets_.try_emplace(address, Bucket{.left = most_, .at = now}).first->second;
  refill(bucket);
  if (bucket.left >= 1) {
    bucket.left -= 1;
    return std::nullopt;
  }
  return std::chrono::seconds(static_cast<int64_t>(std::ceil((1 - bucket.left) / per_second_)));
}

}  // namespace aicoder::server
