// The user's configuration: config_dir()/config.toml. Flags win over it, it wins over defaults.
#pragma once

#include <map>
#include <string>

#include "aicoder/agent.h"
#include "aicoder/store.h"

namespace aicoder::cli {

struct Config {
  std::filesystem::path path;  ///< empty when there is no file
  std::string model{kDefaultModel};
  std::string colour = "auto";
  int n_threads = 0;    ///< 0: physical cores
  size_t n_ctx = 8192;  ///< tokens a conversation can hold
  int n_gpu_layers = 0;
  size_t n_candidates = 4, max_repairs = 2, max_tokens = 1024;
  std::map<std::string, std::string> roles;  ///< role -> "name[:strength]", or "none"
  SandboxLimits limits;
};

/// docs/configuration.md lists the keys. \throws Error(kInvalidArgument) with file, line and key for a syntax error, an unknown
/// key or a wrong type: a misspelt setting that is ignored would be worse.
Config load_config(const std::filesystem::path& file);

}  // namespace aicoder::cli
