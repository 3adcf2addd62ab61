// The lanes of an engine: contexts by fragment set, under a budget. Private to src/engine.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <vector>

#include "aicoder/adapter.h"
#include "engine/ticket.h"

namespace aicoder {

struct Lane {
  Lane(std::shared_ptr<const Model> model, const ContextOptions& options, const std::vector<ActiveAdapter>& set_in, size_t chunk);
  bool in_use() const noexcept { return batch.n_requests() > 0; }

  std::vector<ActiveAdapter> set;
  Context context;
  LiveBatch batch;
  std::map<LiveBatch::Id, std::unique_ptr<Ticket>> tickets;
  double pass = 0;         ///< the lane with the smallest has its turn (stride scheduling)
  uint64_t last_used = 0;  ///< for the budget
};

/// Idle lanes are dropped, least recently used first, when the buffers pass the budget or their fragments were unloaded. Every lane
/// knows all others, so that a prompt begins with the longest prefix any of them has. They share their worker threads.
class Lanes {
 public:
  Lanes(std::shared_ptr<const Model> model, const LaneOptions& options, size_t chunk);

  Lane* find(const std::vector<ActiveAdapter>& set) noexcept;
  /// \param beyond_budget  made even where all lanes are in use and fill the budget
  /// \return null: to be asked again when a lane is idle.  \throws Error of Context.
  Lane* make(const std::vector<ActiveAdapter>& set, bool beyond_budget);
  /// The context for embeddings, made on first use and dropped like an idle lane. \throws Error of Context.
  Context& embedder();
  void embedder_in_use(bool in_use) noexcept { embedder_in_use_ = in_use; }

  void drop(Lane* lane);
  /// Idle lanes that hold an adapter the cache has not, and idle ones beyond the budget but the last.
  /// \return whether there were any
  bool drop_unneeded(const AdapterCache& adapters);
  void touch(Lane& lane) noexcept { lane.last_used = ++use_counter_; }

  const std::list<std::unique_ptr<Lane>>& all() const noexcept { return lanes_; }
  uint64_t bytes() const noexcept;

 private:
  Lane* least_recently_used() noexcept;
  bool make_room(uint64_t coming_bytes, size_t keep);
  void introduce();

  std::shared_ptr<const Model> model_;
  LaneOptions options_;
  size_t chunk_;
  std::list<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<Context> embedder_;
  bool embedder_in_use_ = false;
  uint64_t use_counter_ = 0;
};

}  // namespace aicoder
