// Servers that a benchmark talks to: its own child processes, or one that is there already. Private to src/bench.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {

/// A child process; killed with its children when this goes.
class ChildServer {
 public:
  ChildServer(std::vector<std::string> argv, std::map<std::string, std::string> env);
  ~ChildServer();
  ChildServer(const ChildServer&) = delete;
  ChildServer& operator=(const ChildServer&) = delete;

  /// Asks `ready` again and again, with what the child wrote on stdout so far, until it gives a URL.
  /// \throws Error kUnavailable (it ended, or was not ready within `limit`; with the end of what it said), kNotFound, kCancelled.
  std::string wait_ready(const std::function<std::optional<std::string>(const std::string& out)>& ready, std::chrono::seconds limit,
                         const std::stop_token& stop);

 private:
  std::string name_;
  std::mutex mutex_;
  std::string out_, err_;
  std::exception_ptr failure_;
  bool ended_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

/// An OpenAI endpoint and how it is told which fragment to use.
struct Endpoint {
  std::string base_url, token;
  enum class Kind { kAicoder, kLlamaServer, kOther } kind = Kind::kOther;
  std::vector<std::string> models;     ///< kAicoder: the one it serves; kOther: by fragment, or one for all
  size_t n_fragments = 0;              ///< kLlamaServer: adapters it has
  std::unique_ptr<ChildServer> child;  ///< none: it was there

  /// The part of a request that says with what it is answered. \param fragment  none: the base
  nlohmann::json body(std::optional<size_t> fragment, bool has_history) const;
};

struct ServerNeeds {
  std::filesystem::path model;
  std::vector<std::filesystem::path> fragments;
  size_t sequences = 1, context_tokens = 1024;  ///< of each sequence
  int n_threads = 0;
};
std::vector<std::string> own_server_command(const std::filesystem::path& program, const ServerNeeds& needs,
                                            const std::vector<std::string>& more);
std::vector<std::string> llama_server_command(const std::filesystem::path& program, const ServerNeeds& needs, int port);

/// \param home  a folder of its own: becomes AICODER_HOME, with the fragments as "bench-0", "bench-1", ... in its store
Endpoint start_own_server(const std::filesystem::path& program, const ServerNeeds& needs, const std::filesystem::path& home,
                          const std::vector<std::string>& more, const std::stop_token& stop);
Endpoint start_llama_server(const std::filesystem::path& program, const ServerNeeds& needs, const std::stop_token& stop);
/// \param models  empty: the first it lists. A llama-server is recognized by that list, and must have `n_fragments` adapters.
Endpoint find_endpoint(const std::string& base_url, const std::string& token, std::vector<std::string> models, size_t n_fragments,
                       const std::stop_token& stop);

}  // namespace aicoder
