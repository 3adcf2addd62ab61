// Context::generate.
#include "model/scheduler.h"

namespace aicoder {

std::vector<GenerateResult> Context::generate(std::span<const GenerateRequest> requests, const std::stop_token& stop,
                                              const std::function<void(size_t request, const GenerateResult&)>& on_done) {
  for (const auto& request : requests) {
    if (request.active_from > 0 && !impl_->attached.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "[generate] active_from is " + std::to_string(request.active_from) +
                                                   ": what is before it is copied from another context, and a LiveBatch does that");
    }
  }
  Scheduler scheduler(*impl_, 0);
  std::vector<GenerateResult> results(requests.size());
  // All are checked before the first decode: none is answered when one cannot be.
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto done = [&, i](GenerateResult&& result, bool started) {
      results[i] = std::move(result);
      if (started && on_done) on_done(i, results[i]);
    };
    scheduler.submit(requests[i], done, stop, true);
  }
  while (scheduler.step(0, stop)) {
  }
  scheduler.cancel_all();
  return results;
}

GenerateResult Context::generate(const GenerateRequest& request, const std::stop_token& stop) {
  return std::move(generate(std::span(&request, 1), stop).front());
}

}  // namespace aicoder
