// Contexts by fragment set, over one set of weights. Private to src/adapter.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder {

/// A lane is a Context that only ever sees one fragment set, so its KV needs no other key. Least recently used lanes are dropped
/// when their buffers pass the budget; adapters stay loaded (they are small against a lane and a reload reads the disk).
/// All lanes share their worker threads: those of an idle lane would wait for work on the cores that the next one needs.
class LanePool {
 public:
  LanePool(std::shared_ptr<const Model> model, const LaneOptions& options);

  struct Found {
    Context& context;
    bool created;
  };
  /// \param set  of AdapterCache::activate
  Found get(const std::vector<ActiveAdapter>& set);
  AdapterCache& adapters() noexcept { return adapters_; }
  size_t size() const noexcept { return lanes_.size(); }

 private:
  struct Lane {
    std::vector<ActiveAdapter> set;
    Context context;
  };

  void drop_beyond_budget(size_t coming_bytes);

  std::shared_ptr<const Model> model_;
  LaneOptions options_;
  std::list<Lane> lanes_;  // most recently used first
  AdapterCache adapters_;
};

}  // namespace aicoder
