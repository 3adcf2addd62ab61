#include "adapter/lane_pool.h"

#include <algorithm>

namespace aicoder {

LanePool::LanePool(std::shared_ptr<const Model> model, const LaneOptions& options) : model_(std::move(model)), options_(options) {}

LanePool::Found LanePool::get(std::span<const ActiveAdapter> adapters) {
  Key key;
  for (const auto& active : adapters) {
    if (active.strength != 0.0f) key.emplace_back(active.adapter, active.strength);
  }
  std::sort(key.begin(), key.end(), [](const auto& a, const auto& b) { return a.first->path() < b.first->path(); });
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
    if (lane->key != key) continue;
    lanes_.splice(lanes_.begin(), lanes_, lane);
    return {lanes_.front().context, false};
  }
  // All lanes have the same options, so the newest tells what the next one will take: make room first, the peak counts.
  if (!lanes_.empty()) drop_beyond_budget(lanes_.front().context.memory_bytes());
  std::vector<ActiveAdapter> sorted;
  for (const auto& [adapter, strength] : key) sorted.push_back({adapter, strength});
  Context context(model_, options_.context);
  set_adapters(context, sorted);
  lanes_.push_front({std::move(key), std::move(context)});
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

std::shared_ptr<const Adapter> LanePool::adapter(const std::filesystem::path& path) {
  std::error_code error;
  const auto canonical = std::filesystem::weakly_canonical(path, error);
  const auto& name = error ? path : canonical;
  const auto changed = std::filesystem::last_write_time(name, error);
  const auto bytes = error ? 0 : std::filesystem::file_size(name, error);
  auto& loaded = adapters_[name];
  if (!loaded.adapter || error || loaded.changed != changed || loaded.bytes != bytes) {
    loaded = {};
    loaded.adapter = Adapter::load(model_, name);
    loaded.changed = changed;
    loaded.bytes = bytes;
  }
  return loaded.adapter;
}

}  // namespace aicoder
