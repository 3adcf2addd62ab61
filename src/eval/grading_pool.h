// Grades on worker threads while the engine goes on generating.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace aicoder::eval {

class GradingPool {
 public:
  using Job = std::function<void(const std::stop_token&)>;
  /// `stop` is the user's. The pool's own token also stops when a job throws.
  GradingPool(size_t n_workers, const std::stop_token& stop);
  /// Drops what has not begun and waits for what has.
  ~GradingPool();
  GradingPool(const GradingPool&) = delete;
  GradingPool& operator=(const GradingPool&) = delete;

  void submit(Job job);
  /// Stopped by the user, or because a job failed: what feeds the pool should end too.
  std::stop_token token() const { return source_.get_token(); }
  /// Waits until every job has run, or the pool was stopped; then throws what the first failed job threw.
  void finish();

 private:
  void work();
  void fail(std::exception_ptr error);

  std::stop_source source_;
  std::stop_callback<std::function<void()>> on_user_stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  bool closed_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

}  // namespace aicoder::eval
