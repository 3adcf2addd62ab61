// The routes: what each request means to the backend. Thread-safe; one call for each request, on the thread of its connection.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "aicoder/server.h"
#include "server/chat_request.h"
#include "server/exchange.h"
#include "server/metrics.h"

namespace aicoder::server {

/// Counts what is under way, up to a limit. A ticket is given back when it goes.
class Gate {
 public:
  explicit Gate(size_t limit) : limit_(limit) {}
  class Ticket {
   public:
    explicit Ticket(Gate& gate) : gate_(gate) {}
    ~Ticket() { gate_.leave(); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

   private:
    Gate& gate_;
  };
  /// Null: full.
  std::shared_ptr<Ticket> enter() {
    const std::lock_guard lock(mutex_);
    if (n_ >= limit_) return nullptr;
    ++n_;
    return std::make_shared<Ticket>(*this);
  }
  size_t n() const {
    const std::lock_guard lock(mutex_);
    return n_;
  }
  /// True: empty before the limit.
  bool wait_empty(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return left_.wait_for(lock, limit, [&] { return n_ == 0; });
  }

 private:
  void leave() {
    const std::lock_guard lock(mutex_);
    --n_;
    left_.notify_all();
  }
  const size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  size_t n_ = 0;
};

class Api {
 public:
  Api(ServerBackend& backend, const ServerOptions& options);

  using Handler = void (Api::*)(Exchange&);
  /// \throws any exception; the caller translates it.
  void list_models(Exchange& exchange);
  void get_model(Exchange& exchange);
  void chat(Exchange& exchange);
  void complete(Exchange& exchange);
  void embed(Exchange& exchange);
  void list_fragments(Exchange& exchange);
  void load_fragment(Exchange& exchange);
  void unload_fragment(Exchange& exchange);
  void run_agent(Exchange& exchange);
  void apply_run(Exchange& exchange);
  void metrics_text(Exchange& exchange);
  void health(Exchange& exchange);
  void openapi(Exchange& exchange);

  Metrics& metrics() { return metrics_; }
  /// From now on new work is refused.
  void start_draining() { draining_ = true; }
  bool wait_idle(std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    const bool empty = gate_.wait_empty(limit);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    return agent_gate_.wait_empty(std::max(left, std::chrono::milliseconds(0))) && empty;
  }
  /// Ends what runs.
  void stop_all() { stop_all_.request_stop(); }

 private:
  std::shared_ptr<Gate::Ticket> enter(Gate& gate) const;
  void check_fragments(const std::vector<FragmentChoice>& choices) const;
  std::string new_id(std::string_view prefix);
  /// Waits, and stops the work when the client goes or the server ends.
  template <typename T>
  T wait(std::future<T>& future, std::stop_source& stop, const Exchange& exchange);
  RequestDefaults defaults() const;
  std::filesystem::path allowed_dir(const std::string& asked) const;

  ServerBackend& backend_;
  const ServerOptions& options_;
  Metrics metrics_;
  mutable Gate gate_, agent_gate_;
  std::atomic<bool> draining_{false};
  std::stop_source stop_all_;
  std::atomic<uint64_t> next_id_{0};
  const std::string id_salt_;
  const int64_t started_;

  struct FinishedRun {
    std::string id;
    std::filesystem::path dir;
    AgentResult result;
  };
  std::mutex runs_mutex_;
  std::deque<FinishedRun> runs_;  // the latest, for apply
};

}  // namespace aicoder::server
