// Context::generate.
#include "model/scheduler.h"

namespace aicoder {

std::vector<GenerateResult> Context::generate(std::span<const GenerateRequest> requests, const std::stop_token& stop,
                                              const std::function<void(size_t request, const GenerateResult&)>& on_done) {
  return Scheduler(*impl_, requests, stop, on_done).run();
}

GenerateResult Context::generate(const GenerateRequest& request, const std::stop_token& stop) {
  return std::move(generate(std::span(&request, 1), stop).front());
}

}  // namespace aicoder
