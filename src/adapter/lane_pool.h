// Contexts by fragment set, over one set of weights. Private to src/adapter.
#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder {

/// A lane is a Context that only ever sees one fragment set, so its KV needs no other key. Least recently used lanes are dropped
/// when their buffers pass the budget; adapters stay loaded (they are small against a lane and a reload reads the disk).
class LanePool {
 public:
  LanePool(std::shared_ptr<const Model> model, const LaneOptions& options);

  struct Found {
    Context& context;
    bool created;
  };
  Found get(std::span<const ActiveAdapter> adapters);
  /// The adapter in this file, loaded once as long as the file does not change.
  std::shared_ptr<const Adapter> adapter(const std::filesystem::path& path);
  size_t size() const noexcept { return lanes_.size(); }

 private:
  /// Sorted by path: the order in which fragments are named does not matter, and llama.cpp adds them in the same order each time.
  using Key = std::vector<std::pair<std::shared_ptr<const Adapter>, float>>;
  struct Lane {
    Key key;
    Context context;
  };
  struct Loaded {
    std::filesystem::file_time_type changed;
    uintmax_t bytes = 0;
    std::shared_ptr<const Adapter> adapter;
  };

  void drop_beyond_budget(size_t coming_bytes);

  std::shared_ptr<const Model> model_;
  LaneOptions options_;
  std::list<Lane> lanes_;  // most recently used first
  std::map<std::filesystem::path, Loaded> adapters_;
};

}  // namespace aicoder
