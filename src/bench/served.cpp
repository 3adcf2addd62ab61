#include "bench/served.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/chat_client.h"

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kStartLimit{300};  // large models from slow disks
constexpr size_t kToldOfChild = 600;              // characters at the end of what it said

/// A port that was free a moment ago; llama-server cannot choose one by itself.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast): how sockets take addresses
  const bool bound = fd >= 0 && ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound) throw Error(ErrorCode::kUnavailable, "[bench] no free port on 127.0.0.1");
  return ntohs(address.sin_port);
}

}  // namespace

// ---- child processes -------------------------------------------------------------------------------------------------

ChildServer::ChildServer(std::vector<std::string> argv, std::map<std::string, std::string> env) : name_(argv.at(0)) {
  thread_ = std::jthread([this, argv = std::move(argv), env = std::move(env)](const std::stop_token& stop) {
    const auto on_output = [this](std::string_view chunk) {
      const std::lock_guard lock(mutex_);
      out_ += chunk;
    };
    HostProcessResult result;
    std::exception_ptr failure;
    try {
      result = run_host_process({.argv = argv, .extra_env = env, .on_output = on_output}, stop);
    } catch (...) {
      failure = std::current_exception();  // killed by our destructor, or never started
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    err_ = std::move(result.err);
    failure_ = failure;
  });
}

ChildServer::~ChildServer() {
  thread_.request_stop();
  thread_.join();
}

std::string ChildServer::wait_ready(const std::function<std::optional<std::string>(const std::string& out)>& ready,
                                    std::chrono::seconds limit, const std::stop_token& stop) {
  const auto until = Clock::now() + limit;
  while (true) {
    throw_if_stopped(stop);
    std::string out;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) {
        if (failure_) std::rethrow_exception(failure_);
        const auto said = to_valid_utf8(out_ + err_);
        throw Error(ErrorCode::kUnavailable, fmt::format("[bench] {} ended before it served: {}", name_,
                                                         said.substr(said.size() - std::min(said.size(), kToldOfChild))));
      }
      out = out_;
    }
    if (auto url = ready(out)) return *url;
    if (Clock::now() > until)
      throw Error(ErrorCode::kUnavailable, fmt::format("[bench] {} does not serve after {} s", name_, limit.count()));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// ---- commands --------------------------------------------------------------------------------------------------------

std::vector<std::string> own_server_command(const std::filesystem::path& program, const ServerNeeds& needs,
                                            const std::vector<std::string>& more) {
  std::vector<std::string> command = {program.string(),
                                      "serve",
                                      "-m",
                                      needs.model.string(),
                                      "--port",
                                      "0",
                                      "--json",
                                      "--no-access-log",
                                      "--rate",
                                      "0",
                                      "--threads",
                                      std::to_string(needs.n_threads),
                                      "--context",
                                      std::to_string(needs.context_tokens),
                                      "--sequences",
                                      std::to_string(needs.sequences)};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::vector<std::string> llama_server_command(const std::filesystem::path& program, const ServerNeeds& needs, int port) {
  // Its context is that of all sequences together.
  std::vector<std::string> command = {program.string(),
                                      "-m",
                                      needs.model.string(),
                                      "--host",
                                      "127.0.0.1",
                                      "--port",
                                      std::to_string(port),
                                      "-t",
                                      std::to_string(needs.n_threads),
                                      "-tb",
                                      std::to_string(needs.n_threads),
                                      "-np",
                                      std::to_string(needs.sequences),
                                      "-c",
                                      std::to_string(needs.sequences * needs.context_tokens),
                                      "-ngl",
                                      "0"};
  if (!needs.fragments.empty()) command.emplace_back("--lora-init-without-apply");
  for (const auto& fragment : needs.fragments) command.insert(command.end(), {"--lora", fragment.string()});
  return command;
}

// ---- endpoints -------------------------------------------------------------------------------------------------------

nlohmann::json Endpoint::body(std::optional<size_t> fragment, bool has_history) const {
  switch (kind) {
    case Kind::kAicoder: {
      nlohmann::json out = {{"model", models.at(0)}};
      if (!fragment) return out;
      out["fragments"] = nlohmann::json::array({{{"name", fmt::format("bench-{}", *fragment)}, {"strength", 1.0}}});
      if (has_history) out["active_from"] = 1;
      return out;
    }
    case Kind::kLlamaServer: {
      nlohmann::json scales = nlohmann::json::array();
      for (size_t i = 0; i < n_fragments; ++i) scales.push_back({{"id", i}, {"scale", fragment == i ? 1.0 : 0.0}});
      return {{"lora", scales}, {"cache_prompt", true}};
    }
    case Kind::kOther:
      break;
  }
  return {{"model", models.at(fragment && *fragment < models.size() ? *fragment : 0)}};
}

Endpoint start_own_server(const std::filesystem::path& program, const ServerNeeds& needs, const std::filesystem::path& home,
                          const std::vector<std::string>& more, const std::stop_token& stop) {
  std::filesystem::create_directories(home / "fragments");
  for (size_t i = 0; i < needs.fragments.size(); ++i) {
    const auto link = home / "fragments" / fmt::format("bench-{}.gguf", i);
    if (!std::filesystem::exists(link)) std::filesystem::create_symlink(std::filesystem::absolute(needs.fragments[i]), link);
  }
  Endpoint endpoint{.kind = Endpoint::Kind::kAicoder};
  const std::map<std::string, std::string> env = {{"AICODER_HOME", home.string()}, {"AICODER_TOKEN", ""}};
  endpoint.child = std::make_unique<ChildServer>(own_server_command(program, needs, more), env);
  const auto url = endpoint.child->wait_ready(
      [&](const std::string& out) -> std::optional<std::string> {
        if (out.find('\n') == std::string::npos) return std::nullopt;
        const auto ready = nlohmann::json::parse(out.substr(0, out.find('\n')), nullptr, false);
        if (!ready.is_object() || !ready.contains("url") || !ready.contains("model")) return std::nullopt;  // an error: it ends in a moment
        endpoint.models = {ready["model"].get<std::string>()};
        return ready["url"].get<std::string>();
      },
      kStartLimit, stop);
  endpoint.base_url = url + "/v1";
  return endpoint;
}

Endpoint start_llama_server(const std::filesystem::path& program, const ServerNeeds& needs, const std::stop_token& stop) {
  const int port = free_port();
  Endpoint endpoint{.kind = Endpoint::Kind::kLlamaServer, .n_fragments = needs.fragments.size()};
  endpoint.child = std::make_unique<ChildServer>(llama_server_command(program, needs, port), std::map<std::string, std::string>{});
  const auto root = fmt::format("http://127.0.0.1:{}", port);
  endpoint.base_url = endpoint.child->wait_ready(
      [&](const std::string&) -> std::optional<std::string> {
        try {
          ChatClient(root, {}, stop).get("/health");
          return root + "/v1";
        } catch (const Error& error) {
          if (error.code() == ErrorCode::kUnavailable) return std::nullopt;  // not yet listening, or loading
          throw;
        }
      },
      kStartLimit, stop);
  return endpoint;
}

Endpoint find_endpoint(const std::string& base_url, const std::string& token, std::vector<std::string> models, size_t n_fragments,
                       const std::stop_token& stop) {
  Endpoint endpoint{.base_url = base_url, .token = token, .models = std::move(models)};
  while (endpoint.base_url.ends_with('/')) endpoint.base_url.pop_back();
  const auto list = nlohmann::json::parse(ChatClient(endpoint.base_url, token, stop).get("/models"), nullptr, false);
  const auto data = list.is_object() ? list.find("data") : list.end();
  const bool listed = list.is_object() && data != list.end() && data->is_array() && !data->empty() && (*data)[0].is_object() &&
                      (*data)[0].contains("id") && (*data)[0]["id"].is_string();
  if (!listed) {
    throw Error(ErrorCode::kUnavailable, fmt::format("[bench] {}/models lists no model", endpoint.base_url),
                "give the URL of an OpenAI endpoint, http://HOST:PORT/v1");
  }
  const auto& first = (*data)[0];
  if (!endpoint.models.empty()) return endpoint;
  endpoint.models = {first["id"].get<std::string>()};
  if (first.value("owned_by", nlohmann::json()) == "llamacpp") {
    endpoint.kind = Endpoint::Kind::kLlamaServer;
    endpoint.n_fragments = n_fragments;
  }
  return endpoint;
}

}  // namespace aicoder
