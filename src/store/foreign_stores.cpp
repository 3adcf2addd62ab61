#include "store/foreign_stores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "aicoder/gguf.h"

namespace aicoder::store {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> folder_from(const char* variable, const char* below = "") {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return *below == '\0' ? fs::path(value) : fs::path(value) / below;
}

bool starts_as_gguf(const fs::path& file) {
  char magic[4] = {};
  std::ifstream in(file, std::ios::binary);
  return in.read(&magic[0], sizeof magic) && std::string_view(&magic[0], 4) == "GGUF";
}

/// Regular files below a folder; none when it is missing or unreadable.
std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (it->is_regular_file(gone)) files.push_back(it->path());  // a link to a file counts: the hub cache is made of them
  }
  std::ranges::sort(files);
  return files;
}

/// The digest of the model layer: 64 hex digits, so that it cannot lead out of the blobs folder.
std::optional<std::string> model_digest(const fs::path& manifest) {
  using nlohmann::json;
  try {
    const std::string text = read_file(manifest, 1 << 20);
    int depth = 0;
    const auto limit = [&depth](int, json::parse_event_t event, json&) {
      if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) ++depth;
      if (event == json::parse_event_t::object_end || event == json::parse_event_t::array_end) --depth;
      if (depth > 64) throw Error(ErrorCode::kDataLoss, "[ollama] a manifest is nested too deep");
      return true;
    };
    const json parsed = json::parse(text, limit);
    for (const auto& layer : parsed.at("layers")) {
      if (layer.at("mediaType") != "application/vnd.ollama.image.model") continue;
      const auto digest = layer.at("digest").get<std::string>();
      const bool hex =
          digest.size() == 71 && digest.starts_with("sha256:") && digest.find_first_not_of("0123456789abcdef", 7) == std::string::npos;
      if (hex) return digest.substr(7);
    }
  } catch (const json::exception&) {
  } catch (const Error&) {
  }
  return std::nullopt;
}

std::optional<InstalledModel> model_at(std::string name, const fs::path& file) {
  std::error_code error;
  const auto bytes = fs::file_size(file, error);
  if (error || !starts_as_gguf(file)) return std::nullopt;
  return InstalledModel{std::move(name), file, bytes, licence_in_file(file)};
}

}  // namespace

std::string licence_in_file(const fs::path& file) {
  try {
    return GgufFile::open(file).get_string("general.license").value_or("unknown");
  } catch (const Error&) {
    return "unknown";
  }
}

std::vector<fs::path> ollama_folders() {
  if (const auto chosen = folder_from("OLLAMA_MODELS")) return {*chosen};
  std::vector<fs::path> folders;
  if (const auto home = folder_from("HOME", ".ollama/models")) folders.push_back(*home);
  folders.emplace_back("/usr/share/ollama/.ollama/models");
  return folders;
}

fs::path hub_folder() {
  if (const auto chosen = folder_from("HF_HUB_CACHE")) return *chosen;
  if (const auto home = folder_from("HF_HOME", "hub")) return *home;
  if (const auto cache = folder_from("XDG_CACHE_HOME", "huggingface/hub")) return *cache;
  return folder_from("HOME", ".cache/huggingface/hub").value_or(fs::path());
}

std::vector<InstalledModel> ollama_models(const fs::path& store) {
  std::vector<InstalledModel> models;
  for (const auto& manifest : files_below(store / "manifests")) {
    // manifests/HOST/NAMESPACE/NAME/TAG; the default host and namespace are left out of names, as Ollama does.
    const fs::path relative = manifest.lexically_relative(store / "manifests");
    std::vector<std::string> parts;
    for (const auto& part : relative) parts.push_back(part.string());
    if (parts.size() != 4) continue;
    std::string name = parts[2] + ":" + parts[3];
    if (parts[1] != "library") name = parts[1] + "/" + name;
    if (parts[0] != "registry.ollama.ai") name = parts[0] + "/" + name;
    const auto digest = model_digest(manifest);
    if (!digest) continue;
    if (auto model = model_at("ollama:" + name, store / "blobs" / ("sha256-" + *digest))) models.push_back(std::move(*model));
  }
  return models;
}

std::vector<InstalledModel> hub_models(const fs::path& cache) {
  std::map<std::string, InstalledModel> models;  // one of each name, though several revisions may be there
  std::error_code error;
  for (const auto& repository : fs::directory_iterator(cache, error)) {
    std::string id = repository.path().filename().string();
    if (!id.starts_with("models--")) continue;
    id = id.substr(8);
    if (const auto dashes = id.find("--"); dashes != std::string::npos) id.replace(dashes, 2, "/");
    std::string main;
    try {
      main = read_file(repository.path() / "refs" / "main", 256);
    } catch (const Error&) {
      // no such ref: any revision will do
    }
    std::error_code none;
    for (const auto& revision : fs::directory_iterator(repository.path() / "snapshots", none)) {
      const bool current = main.starts_with(revision.path().filename().string());
      for (const auto& file : files_below(revision.path())) {
        const std::string leaf = file.filename().string();
        if (file.extension() != ".gguf" || leaf.find("-of-0") != std::string::npos || leaf.starts_with("mmproj")) continue;
        std::string name = fmt::format("hub:{}/{}", id, file.lexically_relative(revision.path()).string());
        if (models.contains(name) && !current) continue;
        if (auto model = model_at(name, file)) models.insert_or_assign(std::move(name), std::move(*model));
      }
    }
  }
  std::vector<InstalledModel> list;
  for (auto& [name, model] : models) list.push_back(std::move(model));
  return list;
}

}  // namespace aicoder::store
