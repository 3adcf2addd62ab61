// server: the engine over HTTP, as OpenAI's clients speak it, with fragments, agent runs, metrics, and the checks that keep others out.
//
//   auto backend = aicoder::make_engine_backend(engine, {.model_name = "qwen2.5-coder-1.5b"});
//   aicoder::Server server(*backend, {.port = 8080});     // listens from here on
//   server.run(stop);                                      // until the stop request, then drains
//
// Does not load models (model.h) and does not read the command line (cli.h). docs/server.md says what it answers.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/agent.h"
#include "aicoder/engine.h"
#include "aicoder/fragment.h"

namespace aicoder {

struct ServedModel {
  std::string name;         ///< what clients write in `model`
  std::string fingerprint;  ///< of the base
  size_t n_ctx = 0, n_embd = 0, n_vocab = 0;
};

/// What the server asks of the engine and the agent; tests fake it. Thread-safe.
class ServerBackend {
 public:
  virtual ~ServerBackend() = default;
  virtual const ServedModel& model() const = 0;
  /// As Engine::submit and Engine::embed.
  virtual std::future<GenerationResult> submit(EngineRequest request, std::stop_token stop) = 0;
  virtual std::future<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, std::stop_token stop) = 0;
  /// Tokens of plain text as a completion reads it: control tokens are read as such.
  virtual std::vector<Token> tokenize(std::string_view text) const = 0;
  virtual std::string piece(Token token) const = 0;  ///< bytes of one token
  /// Fragments of the store made for this base; may be a few seconds old.
  virtual std::vector<FragmentInfo> fragments() const = 0;
  virtual std::vector<LoadedFragment> loaded_fragments() const = 0;
  virtual LoadedFragment load_fragment(std::string_view name) = 0;
  virtual bool unload_fragment(std::string_view name) = 0;
  virtual EngineStats stats() const = 0;
  virtual bool drain(std::chrono::milliseconds limit) = 0;
  /// As Agent::run; `fragments` empty: those that the operator configured for the roles.
  virtual AgentResult run_agent(const TaskRequest& task, const std::vector<FragmentChoice>& fragments, const AgentObserver& observer,
                                const std::stop_token& stop) = 0;
};

struct EngineBackendOptions {
  std::string model_name;
  AgentOptions agent;
  CodeRunner* runner = nullptr;  ///< null: agent runs answer directly, nothing is ever verified
};
/// The engine must outlive it.
std::unique_ptr<ServerBackend> make_engine_backend(Engine& engine, EngineBackendOptions options);

struct ServerLimits {
  size_t body_bytes = size_t{8} << 20;
  size_t connections = 256;               ///< one thread each; more wait, and are closed when as many wait again
  size_t requests = 96;                   ///< that generate or wait to: one more gets 503 and Retry-After
  size_t requests_per_minute = 1200;      ///< of one address, a quarter of it at once: one more gets 429 and Retry-After; 0: no limit
  size_t agent_runs = 2;                  ///< at once
  size_t unread_bytes = size_t{1} << 20;  ///< made and not yet taken by a slow reader: beyond it the request is cancelled
  std::chrono::seconds read{10};          ///< without a byte of the request
  std::chrono::seconds body{60};          ///< for the whole body
  std::chrono::seconds write{20};         ///< without a byte taken by the client
  std::chrono::seconds drain{30};         ///< what runs may finish in this time after the stop request; then it is cancelled
};
struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;    ///< 0: any free one
  std::string token;  ///< bearer token; empty: none asked, which only a loopback host may
  /// Host names beside IP addresses and localhost under which clients may come (a name could be rebound by its owner).
  std::vector<std::string> hosts;
  std::vector<std::string> origins;  ///< "https://editor.example": web pages that may call; none but our own otherwise
  /// Other names of the base, for clients whose model name cannot be changed ("gpt-5.5").
  std::vector<std::string> aliases;
  std::vector<std::filesystem::path> dirs;  ///< folders in or below which agent runs may work; none: only runs without a folder
  float temperature = 0.7f;                 ///< where a request says none
  ServerLimits limits;
  std::function<void(std::string_view line)> access_log;  ///< one JSON object a request; from several threads at once
};

/// What a Server with these options would refuse at its start, without keeping the port. \throws as Server.
void check_server_options(const ServerOptions& options);

class Server {
 public:
  /// Listens when it returns. \throws Error kInvalidArgument (a token of fewer than 16 characters, a folder that is none),
  /// kPermissionDenied (a host beyond loopback without a token), kUnavailable (the port is taken, or no address of this machine).
  Server(ServerBackend& backend, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  int port() const noexcept;
  std::string url() const;  ///< "http://127.0.0.1:8080"
  /// Serves until the stop request, then takes no new connection and waits for what runs. True: all ended within limits.drain.
  bool run(const std::stop_token& stop);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct ServerRoute {
  std::string_view method, path;  ///< "GET", "/v1/models/{model}"
};
/// Every route there is; openapi_document() describes exactly these.
const std::vector<ServerRoute>& server_routes();
std::string_view openapi_document();
/// 32 random bytes as text, for --token. \throws Error(kUnavailable) where the system gives none.
std::string random_token();

}  // namespace aicoder
