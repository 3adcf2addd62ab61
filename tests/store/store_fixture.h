// A store in a temporary folder with an injected catalog, a local server, and no trace of the user's environment.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/core.h"
#include "aicoder/gguf.h"
#include "aicoder/store.h"
#include "store/local_server.h"
#include "support/test_model.h"

namespace aicoder::test {

/// Sets environment variables and puts the old values back.
class ScopedEnvironment {
 public:
  ~ScopedEnvironment() {
    for (const auto& [name, old] : old_) old ? ::setenv(name.c_str(), old->c_str(), 1) : ::unsetenv(name.c_str());
  }
  void set(const std::string& name, const std::optional<std::string>& value) {
    const char* before = std::getenv(name.c_str());
    old_.try_emplace(name, before != nullptr ? std::optional<std::string>(before) : std::nullopt);
    value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
  }

 private:
  std::map<std::string, std::optional<std::string>> old_;
};

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    env_.set("AICODER_HOME", dir_.path().string());
    env_.set("AICODER_OFFLINE", std::nullopt);
    env_.set("OLLAMA_MODELS", (dir_ / "ollama").string());
    env_.set("HF_HUB_CACHE", (dir_ / "hub").string());
    for (const char* proxy : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) env_.set(proxy, std::nullopt);
  }

  /// The bytes of a small valid GGUF file.
  std::string model_bytes(size_t floats = 20'000, float value = 1) {
    GgufWriter writer;
    writer.set("general.license", "mit");
    writer.add_f32("w", {floats}, std::vector<float>(floats, value));
    writer.write(dir_ / "made.gguf");
    return read_file(dir_ / "made.gguf");
  }

  static CatalogEntry entry(const std::string& name, const std::string& content, std::vector<ModelSource> sources, bool hash_known = true) {
    return {.name = name,
            .title = name,
            .licence = "MIT",
            .sha256 = hash_known ? sha256_hex(content) : "",
            .bytes = content.size(),
            .n_ctx_train = 128,
            .sources = std::move(sources)};
  }
  CatalogEntry url_entry(const std::string& content, bool hash_known = true) {
    return entry("m", content, {{ModelSource::Kind::kUrl, {server_.url("/m.gguf")}}}, hash_known);
  }
  ModelStore store(std::vector<CatalogEntry> catalog) { return ModelStore(dir_ / "root", std::move(catalog)); }

  std::filesystem::path models() const { return dir_ / "root/models"; }
  std::filesystem::path parts() const { return models() / ".parts/m"; }
  bool nothing_left() const { return !std::filesystem::exists(models() / "m.gguf") && !std::filesystem::exists(parts()); }

  TempDir dir_;
  ScopedEnvironment env_;
  LocalServer server_;
};

}  // namespace aicoder::test
