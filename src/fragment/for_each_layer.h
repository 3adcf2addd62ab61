// Work on the layers of a model, or on their inputs, by several threads.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "aicoder/core.h"

namespace aicoder::fragment {

struct LayerWork {
  size_t n = 0;
  size_t done_before = 0, total = 0;  ///< progress of a pass within a longer work; total 0: n
  int n_threads = 0;                  ///< 0: physical cores this process may use
  std::string_view stage, unit;
  const ProgressFn& progress;  ///< called from the working threads, one call at a time
  const std::stop_token& stop;
};
/// Calls fn(i, stop) once for each i below n, in no order. The first error stops the others and is rethrown here.
void for_each_layer(const LayerWork& work, const std::function<void(size_t i, const std::stop_token& stop)>& fn);

}  // namespace aicoder::fragment
