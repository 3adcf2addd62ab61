#include <algorithm>

#include "aicoder/adapter.h"

namespace aicoder {
namespace {

/// Two names of one file are one adapter.
std::filesystem::path canonical_or_same(const std::filesystem::path& path) {
  std::error_code error;
  auto canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical;
}

}  // namespace

AdapterCache::AdapterCache(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

std::shared_ptr<const Adapter> AdapterCache::get(const std::filesystem::path& path) {
  const auto name = canonical_or_same(path);
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(name, error);
  const auto bytes = error ? 0 : std::filesystem::file_size(name, error);
  const auto found = adapters_.find(name);
  if (found != adapters_.end() && !error && found->second.changed == changed && found->second.bytes == bytes) return found->second.adapter;
  if (found != adapters_.end()) adapters_.erase(found);
  auto adapter = Adapter::load(model_, name);
  adapters_[name] = {changed, bytes, adapter};
  return adapter;
}

bool AdapterCache::drop(const std::filesystem::path& path) { return adapters_.erase(canonical_or_same(path)) > 0; }

bool AdapterCache::holds(const Adapter& adapter) const {
  const auto found = adapters_.find(adapter.path());
  return found != adapters_.end() && found->second.adapter.get() == &adapter;
}

std::vector<std::shared_ptr<const Adapter>> AdapterCache::loaded() const {
  std::vector<std::shared_ptr<const Adapter>> all;
  for (const auto& [path, loaded] : adapters_) all.push_back(loaded.adapter);
  return all;
}

std::vector<ActiveAdapter> AdapterCache::activate(std::span<const FragmentFile> files) {
  std::vector<ActiveAdapter> active;
  for (const auto& file : files) {
    auto adapter = get(file.path);
    const bool twice = std::any_of(active.begin(), active.end(), [&](const auto& other) { return other.adapter == adapter; });
    if (twice) throw Error(ErrorCode::kInvalidArgument, "[fragment] " + file.path.string() + " is given twice", "give it once");
    const float strength = file.strength.value_or(adapter->default_strength());
    active.push_back({std::move(adapter), strength});
  }
  std::erase_if(active, [](const ActiveAdapter& a) { return a.strength == 0.0f; });
  std::sort(active.begin(), active.end(), [](const auto& a, const auto& b) { return a.adapter->path() < b.adapter->path(); });
  return active;
}

}  // namespace aicoder
