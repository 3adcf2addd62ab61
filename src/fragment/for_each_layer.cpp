#include "fragment/for_each_layer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "aicoder/model.h"

namespace aicoder::fragment {

void for_each_layer(const LayerWork& work, const std::function<void(size_t, const std::stop_token&)>& fn) {
  std::atomic<size_t> next = 0;
  size_t done = 0;
  std::mutex mutex;  // guards done, error and the progress call
  std::exception_ptr error;
  std::stop_source stop_all;
  const std::stop_callback forward(work.stop, [&stop_all] { stop_all.request_stop(); });
  const auto run = [&] {
    for (size_t i = next++; i < work.n; i = next++) {
      try {
        throw_if_stopped(stop_all.get_token());
        fn(i, stop_all.get_token());
        const std::lock_guard lock(mutex);
        ++done;
        if (work.progress) {
          work.progress({.stage = work.stage,
                         .done = static_cast<double>(work.done_before + done),
                         .total = static_cast<double>(work.total > 0 ? work.total : work.n),
                         .unit = work.unit});
        }
      } catch (...) {  // a thread's edge: carried to the caller
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        stop_all.request_stop();
        return;
      }
    }
  };
  {
    const size_t n_threads = std::min(work.n, static_cast<size_t>(work.n_threads > 0 ? work.n_threads : usable_cores()));
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < n_threads; ++i) helpers.emplace_back(run);
    run();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace aicoder::fragment
