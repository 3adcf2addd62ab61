// ModelStore: names to files.
#include "aicoder/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "store/disk.h"
#include "store/foreign_stores.h"
#include "store/model_lock.h"
#include "store/pull.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;

/// Levenshtein distance, for "did you mean".
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

bool is_foreign(std::string_view name) { return name.starts_with("ollama:") || name.starts_with("hub:"); }

/// Fit to become NAME.gguf in our folder: not a path, not hidden.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

std::vector<InstalledModel> foreign_models() {
  std::vector<InstalledModel> models;
  const auto add = [&models](std::vector<InstalledModel> found) {
    models.insert(models.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  };
  try {
    for (const auto& folder : store::ollama_folders()) add(store::ollama_models(folder));
    add(store::hub_models(store::hub_folder()));
  } catch (const fs::filesystem_error& error) {
    log(LogLevel::kWarn, fmt::format("[models] passing over a store of another program: {}", error.what()));
  }
  return models;
}

const CatalogEntry* find_in(const std::vector<CatalogEntry>& catalog, std::string_view name) {
  const auto found = std::ranges::find(catalog, name, &CatalogEntry::name);
  return found == catalog.end() ? nullptr : &*found;
}

[[noreturn]] void throw_unknown(const std::vector<CatalogEntry>& catalog, std::string_view name) {
  std::string message = fmt::format("[models] no model '{}'", to_valid_utf8(name));
  const auto distance = [name](const CatalogEntry& entry) { return edit_distance(name, entry.name); };
  const auto nearest = std::ranges::min_element(catalog, {}, distance);
  if (name.size() < 64 && nearest != catalog.end() && distance(*nearest) <= 3)
    message += fmt::format("; did you mean '{}'?", nearest->name);
  throw Error(ErrorCode::kNotFound, message, "aicoder models");
}

}  // namespace

ModelStore::ModelStore() : ModelStore(data_dir()) {}
ModelStore::ModelStore(fs::path root) : ModelStore(std::move(root), model_catalog()) {}
ModelStore::ModelStore(fs::path root, std::vector<CatalogEntry> catalog) : root_(std::move(root)), catalog_(std::move(catalog)) {}

PullResult ModelStore::pull(std::string_view name, const PullOptions& options) const {
  const CatalogEntry* entry = find_in(catalog_, name);
  if (entry == nullptr) throw_unknown(catalog_, name);
  return store::pull_model(*entry, root_, options);
}

fs::path ModelStore::resolve(std::string_view name_or_path) const {
  std::error_code none;
  if (is_plain_name(name_or_path)) {
    const auto own = store::ModelPlaces(root_, std::string(name_or_path)).target;
    if (fs::is_regular_file(own, none)) return own;
  }
  const bool known = find_in(catalog_, name_or_path) != nullptr;
  if (!known && name_or_path.find('\0') == std::string_view::npos) {
    const fs::path path(name_or_path);
    if (fs::is_regular_file(path, none)) return path;
    if (path.has_parent_path() && !is_foreign(name_or_path)) {
      throw Error(ErrorCode::kNotFound, fmt::format("[models] no file {}", to_valid_utf8(name_or_path)),
                  "check the path, or name a model: aicoder models");
    }
  }
  if (is_foreign(name_or_path)) {
    for (const auto& model : foreign_models()) {
      if (model.name == name_or_path) return model.path;
    }
  }
  if (!known) throw_unknown(catalog_, name_or_path);
  throw Error(ErrorCode::kNotFound, fmt::format("[models] '{}' is not on this machine", name_or_path),
              fmt::format("aicoder pull {}", name_or_path));
}

std::vector<InstalledModel> ModelStore::installed() const {
  std::vector<InstalledModel> models;
  store::with_our_errors("models", [&] {
    if (!fs::is_directory(root_ / "models")) return;
    for (const auto& file : fs::directory_iterator(root_ / "models")) {
      if (file.path().extension() != ".gguf" || !file.is_regular_file()) continue;
      const std::string name = file.path().stem().string();
      const CatalogEntry* entry = find_in(catalog_, name);
      models.push_back({name, file.path(), file.file_size(), entry != nullptr ? entry->licence : store::licence_in_file(file.path())});
    }
  });
  std::ranges::sort(models, {}, &InstalledModel::name);
  for (auto& model : foreign_models()) models.push_back(std::move(model));
  return models;
}

uint64_t ModelStore::remove(std::string_view name) const {
  if (is_foreign(name)) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[models] '{}' belongs to another program", to_valid_utf8(name)),
                name.starts_with("ollama:") ? "ollama rm " + to_valid_utf8(name.substr(7)) : "delete it with the program that fetched it");
  }
  if (!is_plain_name(name)) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[models] '{}' is not the name of a model", to_valid_utf8(name)),
                "aicoder models");
  }
  const store::ModelPlaces places(root_, std::string(name));
  return store::with_our_errors("models", [&]() -> uint64_t {
    if (!fs::is_regular_file(places.target)) {
      if (find_in(catalog_, name) == nullptr) throw_unknown(catalog_, name);
      throw Error(ErrorCode::kNotFound, fmt::format("[models] '{}' is not on this machine", name), "aicoder models");
    }
    const auto lock = store::ModelLock::try_for(places.lock);
    if (!lock) throw Error(ErrorCode::kFailedPrecondition, fmt::format("[models] '{}' is being pulled", name), "wait for it, or stop it");
    const uint64_t bytes = fs::file_size(places.target);
    fs::remove(places.target);
    fs::remove(places.hash);
    return bytes;
  });
}

uint64_t ModelStore::prune() const {
  return store::with_our_errors("prune", [&]() -> uint64_t {
    const fs::path parts = root_ / "models" / ".parts";
    if (!fs::is_directory(parts)) return 0;
    uint64_t freed = 0;
    for (const auto& folder : fs::directory_iterator(parts)) {
      const store::ModelPlaces places(root_, folder.path().filename().string());
      const auto lock = store::ModelLock::try_for(places.lock);
      if (!lock) continue;  // a pull is at work there
      freed += store::folder_bytes(folder.path());
      fs::remove_all(folder.path());
    }
    return freed;
  });
}

}  // namespace aicoder
