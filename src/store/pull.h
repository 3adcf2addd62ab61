// Brings one model to its place: sources in order, parts that survive an interruption, hash before rename.
#pragma once

#include <filesystem>
#include <string>

#include "aicoder/store.h"

namespace aicoder::store {

/// Where things of one model lie below root/models.
struct ModelPlaces {
  ModelPlaces(const std::filesystem::path& root, const std::string& name);
  std::filesystem::path target;  ///< NAME.gguf
  std::filesystem::path hash;    ///< NAME.gguf.sha256, for entries without a known hash
  std::filesystem::path parts;   ///< .parts/NAME/, all that an interrupted pull leaves
  std::filesystem::path lock;    ///< .locks/NAME.lock
};

/// \throws as ModelStore::pull.
PullResult pull_model(const CatalogEntry& entry, const std::filesystem::path& root, const PullOptions& options);

}  // namespace aicoder::store
