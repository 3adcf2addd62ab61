#include "eval/grading_pool.h"

#include "aicoder/core.h"

namespace aicoder::eval {

GradingPool::GradingPool(size_t n_workers, const std::stop_token& stop)
    : on_user_stop_(stop, [this] {
        // Under the lock: a worker between its check and its wait would otherwise miss the call.
        const std::scoped_lock lock(mutex_);
        source_.request_stop();
        changed_.notify_all();
      }) {
  for (size_t i = 0; i < n_workers; ++i) workers_.emplace_back([this] { work(); });
}

GradingPool::~GradingPool() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    queue_.clear();
    source_.request_stop();
  }
  changed_.notify_all();
  for (auto& worker : workers_) {
    if (worker.joinable()) worker.join();
  }
}

void GradingPool::submit(Job job) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void GradingPool::finish() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
  if (error_) std::rethrow_exception(error_);
}

void GradingPool::work() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return source_.stop_requested() || closed_ || !queue_.empty(); });
      if (source_.stop_requested() || queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      job(source_.get_token());
    } catch (const Error& error) {
      // A run cut short by the user's own stop is no failure of its item.
      if (error.code() == ErrorCode::kCancelled && source_.stop_requested()) return;
      fail(std::current_exception());
    } catch (...) {
      fail(std::current_exception());
    }
  }
}

void GradingPool::fail(std::exception_ptr error) {
  {
    const std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::move(error);
    source_.request_stop();
  }
  changed_.notify_all();
}

}  // namespace aicoder::eval
