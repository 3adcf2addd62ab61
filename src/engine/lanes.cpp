#include "engine/lanes.h"

#include <algorithm>

namespace aicoder {

Lane::Lane(std::shared_ptr<const Model> model, const ContextOptions& options, const std::vector<ActiveAdapter>& set_in, size_t chunk)
    : set(set_in), context(std::move(model), options), batch(context, chunk) {
  set_adapters(context, set);
}

Lanes::Lanes(std::shared_ptr<const Model> model, const LaneOptions& options, size_t chunk)
    : model_(std::move(model)), options_(options), chunk_(chunk) {}

Lane* Lanes::find(const std::vector<ActiveAdapter>& set) noexcept {
  const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& l) { return l->set == set; });
  return lane == lanes_.end() ? nullptr : lane->get();
}

Lane* Lanes::make(const std::vector<ActiveAdapter>& set, bool beyond_budget) {
  // All lanes have the same options, so one tells what the next will take: make room first, the peak counts.
  const uint64_t coming = lanes_.empty() ? 0 : lanes_.front()->context.memory_bytes();
  const bool fits = make_room(coming, 0);
  if (!fits && !lanes_.empty() && !beyond_budget) return nullptr;
  if (!options_.context.threads) options_.context.threads = std::make_shared<ComputeThreads>(options_.context.n_threads);
  lanes_.push_back(std::make_unique<Lane>(model_, options_.context, set, chunk_));
  introduce();
  touch(*lanes_.back());
  return lanes_.back().get();
}

Context& Lanes::embedder() {
  if (embedder_) return *embedder_;
  if (!options_.context.threads) options_.context.threads = std::make_shared<ComputeThreads>(options_.context.n_threads);
  ContextOptions options = options_.context;
  options.n_seq_max = 1;
  options.embeddings = true;
  embedder_ = std::make_unique<Context>(model_, options);
  return *embedder_;
}

void Lanes::drop(Lane* lane) {
  lanes_.remove_if([&](const auto& other) { return other.get() == lane; });
  introduce();
}

bool Lanes::drop_unneeded(const AdapterCache& adapters) {
  const size_t before = lanes_.size();
  const auto stale = [&](const auto& lane) {
    return !lane->in_use() && std::any_of(lane->set.begin(), lane->set.end(), [&](const auto& a) { return !adapters.holds(*a.adapter); });
  };
  lanes_.remove_if(stale);
  if (lanes_.size() != before) introduce();
  const bool had_embedder = embedder_ != nullptr;
  make_room(0, 1);
  return lanes_.size() != before || had_embedder != (embedder_ != nullptr);
}

Lane* Lanes::least_recently_used() noexcept {
  Lane* oldest = nullptr;
  for (const auto& lane : lanes_) {
    if (!lane->in_use() && (oldest == nullptr || lane->last_used < oldest->last_used)) oldest = lane.get();
  }
  return oldest;
}

bool Lanes::make_room(uint64_t coming_bytes, size_t keep) {
  while (bytes() + coming_bytes > options_.budget_bytes) {
    if (embedder_ && !embedder_in_use_) {
      embedder_.reset();
      continue;
    }
    Lane* oldest = lanes_.size() > keep ? least_recently_used() : nullptr;
    if (oldest == nullptr) return false;
    drop(oldest);
  }
  return true;
}

void Lanes::introduce() {
  std::vector<LiveBatch*> all;
  for (const auto& lane : lanes_) all.push_back(&lane->batch);
  for (const auto& lane : lanes_) lane->batch.set_peers(all);
}

uint64_t Lanes::bytes() const noexcept {
  uint64_t sum = embedder_ ? embedder_->memory_bytes() : 0;
  for (const auto& lane : lanes_) sum += lane->context.memory_bytes();
  return sum;
}

}  // namespace aicoder
