#include "server/metrics.h"

#include <fmt/format.h>

namespace aicoder::server {

void Metrics::count(const RequestRecord& record) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - record.start).count();
  const std::lock_guard lock(mutex_);
  ++requests_[{record.method, record.route, record.status}];
  size_t bucket = 0;
  while (bucket < kBuckets.size() && seconds > kBuckets[bucket]) ++bucket;
  ++seconds_[bucket];
  seconds_sum_ += seconds;
  if (record.cancelled) ++cancelled_;
}

std::string Metrics::text(const EngineStats& engine, size_t in_flight) const {
  std::string out;
  const auto head = [&out](const char* name, const char* type, const char* help) {
    out += fmt::format("# HELP aicoder_{0} {1}\n# TYPE aicoder_{0} {2}\n", name, help, type);
  };
  const auto one = [&](const char* name, const char* type, const char* help, auto value) {
    head(name, type, help);
    out += fmt::format("aicoder_{} {}\n", name, value);
  };
  {
    const std::lock_guard lock(mutex_);
    head("http_requests_total", "counter", "Requests answered.");
    uint64_t all = 0;
    for (const auto& [key, n] : requests_) {
      const auto& [method, route, status] = key;
      out += fmt::format("aicoder_http_requests_total{{method=\"{}\",route=\"{}\",status=\"{}\"}} {}\n", method, route, status, n);
      all += n;
    }
    head("http_request_seconds", "histogram", "From the first line of a request to the last byte of its answer.");
    uint64_t below = 0;
    for (size_t i = 0; i < kBuckets.size(); ++i) {
      below += seconds_[i];
      out += fmt::format("aicoder_http_request_seconds_bucket{{le=\"{}\"}} {}\n", kBuckets[i], below);
    }
    out += fmt::format("aicoder_http_request_seconds_bucket{{le=\"+Inf\"}} {}\naicoder_http_request_seconds_sum {}\n", all, seconds_sum_);
    out += fmt::format("aicoder_http_request_seconds_count {}\n", all);
    one("http_cancelled_total", "counter", "Requests whose client went away or read too slowly.", cancelled_);
  }
  one("http_in_flight", "gauge", "Requests that generate or wait to.", in_flight);
  one("engine_queued", "gauge", "Requests that wait for a sequence.", engine.queued);
  one("engine_running", "gauge", "Requests that decode.", engine.running);
  one("engine_requests_total", "counter", "Requests the engine took.", engine.requests);
  one("engine_refused_total", "counter", "Requests refused because the queue was full.", engine.refused);
  one("engine_cancelled_total", "counter", "Requests stopped before their end.", engine.cancelled);
  one("prompt_tokens_total", "counter", "Tokens of prompts.", engine.prompt_tokens);
  one("reused_tokens_total", "counter", "Tokens of prompts found in the cache.", engine.reused_tokens);
  one("generated_tokens_total", "counter", "Tokens written.", engine.generated_tokens);
  one("drafted_tokens_total", "counter", "Tokens drafted by prompt lookup.", engine.drafted_tokens);
  one("accepted_tokens_total", "counter", "Of those, tokens that were right.", engine.accepted_tokens);
  one("prefill_seconds_total", "counter", "Time spent reading prompts.", engine.prefill_seconds);
  one("decode_seconds_total", "counter", "Time spent writing answers.", engine.decode_seconds);
  one("lanes", "gauge", "Contexts, one for each fragment set in use.", engine.lanes);
  one("lane_bytes", "gauge", "Memory of the lanes.", engine.lane_bytes);
  one("fragment_bytes", "gauge", "Memory of the loaded fragments.", engine.fragment_bytes);
  return out;
}

}  // namespace aicoder::server
