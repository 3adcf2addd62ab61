// Counters of the server in the text format of Prometheus.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "aicoder/engine.h"
#include "server/access_log.h"

namespace aicoder::server {

/// Thread-safe.
class Metrics {
 public:
  void count(const RequestRecord& record);
  /// \param in_flight  requests that generate or wait to, now
  std::string text(const EngineStats& engine, size_t in_flight) const;

 private:
  static constexpr std::array<double, 12> kBuckets = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60};
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, uint64_t> requests_;
  std::array<uint64_t, kBuckets.size() + 1> seconds_{};
  double seconds_sum_ = 0;
  uint64_t cancelled_ = 0;
};

}  // namespace aicoder::server
