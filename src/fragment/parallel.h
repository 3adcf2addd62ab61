// The same work on many items with a few threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace aicoder::fragment {

/// Calls fn(i) for each i below n, on up to n_threads threads with this one among them. Items are taken in order. The first error
/// keeps further items from being begun and is rethrown here.
template <typename Fn>
void for_each_parallel(size_t n, int n_threads, const Fn& fn) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;  // guards error
  std::exception_ptr error;
  const auto work = [&] {
    for (size_t i = next++; i < n; i = next++) {
      try {
        fn(i);
      } catch (...) {  // a thread's edge: carried to the caller
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        next = n;
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < std::min(n, static_cast<size_t>(std::max(n_threads, 1))); ++i) helpers.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace aicoder::fragment
