#include "adapter/lane_pool.h"

namespace aicoder {

LanePool::LanePool(std::shared_ptr<const Model> model, const LaneOptions& options)
    : model_(std::move(model)), options_(options), adapters_(model_) {}

LanePool::Found LanePool::get(const std::vector<ActiveAdapter>& set) {
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
    if (lane->set != set) continue;
    lanes_.splice(lanes_.begin(), lanes_, lane);
    return {lanes_.front().context, false};
  }
  // All lanes have the same options, so the newest tells what the next one will take: make room first, the peak counts.
  if (!lanes_.empty()) drop_beyond_budget(lanes_.front().context.memory_bytes());
  if (!options_.context.threads) options_.context.threads = std::make_shared<ComputeThreads>(options_.context.n_threads);
  Context context(model_, options_.context);
  set_adapters(context, set);
  lanes_.push_front({set, std::move(context)});
  drop_beyond_budget(0);
  return {lanes_.front().context, true};
}

void LanePool::drop_beyond_budget(size_t coming_bytes) {
  const auto used = [&] {
    size_t bytes = coming_bytes;
    for (const auto& lane : lanes_) bytes += lane.context.memory_bytes();
    return bytes;
  };
  const size_t keep = coming_bytes > 0 ? 0 : 1;
  while (lanes_.size() > keep && used() > options_.budget_bytes) lanes_.pop_back();
}

}  // namespace aicoder
