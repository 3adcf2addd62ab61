#include "aicoder/server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <thread>

#include "server/api.h"
#include "server/guard.h"
#include "server/web_page.h"

namespace aicoder {
namespace {

using server::Api;
using server::ApiError;
using server::Exchange;
using server::RequestRecord;

constexpr size_t kMinTokenBytes = 16;
// Of a body that is too large so much is read and dropped: a client that is still sending sees a broken connection, not our answer.
constexpr size_t kDiscardedBytes = size_t{64} << 20;
constexpr const char* kRecordKey = "record";

struct RouteEntry {
  ServerRoute route;
  Api::Handler handler;
};

const std::vector<RouteEntry>& route_entries() {
  static const std::vector<RouteEntry> entries = {
      {{"GET", "/health"}, &Api::health},
      {{"GET", "/metrics"}, &Api::metrics_text},
      {{"GET", "/openapi.json"}, &Api::openapi},
      {{"GET", "/v1/models"}, &Api::list_models},
      {{"GET", "/v1/models/{model}"}, &Api::get_model},
      {{"POST", "/v1/chat/completions"}, &Api::chat},
      {{"POST", "/v1/completions"}, &Api::complete},
      {{"POST", "/v1/embeddings"}, &Api::embed},
      {{"GET", "/v1/fragments"}, &Api::list_fragments},
      {{"POST", "/v1/fragments"}, &Api::load_fragment},
      {{"DELETE", "/v1/fragments/{name}"}, &Api::unload_fragment},
      {{"POST", "/v1/agent/runs"}, &Api::run_agent},
      {{"POST", "/v1/agent/runs/{id}/apply"}, &Api::apply_run},
  };
  return entries;
}

/// "/v1/models/{model}" as httplib writes it, and the name of its parameter.
std::pair<std::string, std::string> http_pattern(std::string_view path) {
  const size_t open = path.find('{');
  if (open == std::string_view::npos) return {std::string(path), {}};
  const size_t close = path.find('}');
  const std::string name(path.substr(open + 1, close - open - 1));
  return {std::string(path.substr(0, open)) + ":" + name + std::string(path.substr(close + 1)), name};
}

/// What the HTTP library refuses by itself, before or beside our routes.
ApiError of_status(int status) {
  const char* kind = "invalid_request_error";
  switch (status) {
    case 404:
      return {404, kind, "not_found", "There is no such route; GET /openapi.json lists them."};
    case 405:
      return {405, kind, "method_not_allowed", "This route does not take this method."};
    case 413:
      return {413, kind, "body_too_large", "The body is larger than this server takes."};
    case 414:
      return {414, kind, "uri_too_long", "The address of the request is too long."};
    case 415:
      return {415, kind, "unsupported_media_type", "Compressed bodies are not taken."};
    case 416:
      return {416, kind, "bad_range", "Ranges are not served."};
    case 431:
      return {431, kind, "headers_too_large", "The headers are larger than this server takes."};
    default:
      break;
  }
  if (status < 500) return {status, kind, "bad_request", "The request is not well-formed HTTP."};
  return {status, "server_error", "internal", "Something went wrong in the server; its log says what, under this request's id."};
}

std::vector<std::string> every(const httplib::Request& request, const char* name) {
  std::vector<std::string> out;
  for (auto [it, end] = request.headers.equal_range(name); it != end; ++it) out.push_back(it->second);
  return out;
}

server::RequestHead head_of(const httplib::Request& request) {
  return {.method = request.method,
          .path = request.path,
          .hosts = every(request, "Host"),
          .origin = request.get_header_value("Origin"),
          .fetch_site = request.get_header_value("Sec-Fetch-Site"),
          .authorization = request.get_header_value("Authorization"),
          .content_type = request.get_header_value("Content-Type"),
          .has_body = request.get_header_value_u64("Content-Length") > 0 || request.has_header("Transfer-Encoding")};
}

ServerOptions checked(ServerOptions options) {
  if (!options.token.empty() && options.token.size() < kMinTokenBytes) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[serve] the token has {} characters, expected {} or more", options.token.size(), kMinTokenBytes),
                "leave it out: --token makes a good one");
  }
  if (options.token.empty() && !server::is_loopback(options.host)) {
    throw Error(ErrorCode::kPermissionDenied,
                fmt::format("[serve] {} can be reached by others, and no token is asked of them", options.host),
                fmt::format("aicoder serve --host {} --token", options.host));
  }
  for (auto& dir : options.dirs) {
    std::error_code error;
    const auto real = std::filesystem::canonical(dir, error);
    if (error || !std::filesystem::is_directory(real))
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[serve] --dir {} is no folder", dir.string()));
    dir = real;
  }
  options.hosts.push_back(options.host);
  return options;
}

/// \return the port
int bind(httplib::Server& http, const ServerOptions& options) {
  // The library's own choice, SO_REUSEPORT, would let another process share our port.
  http.set_socket_options([](socket_t socket) { httplib::set_socket_opt(socket, SOL_SOCKET, SO_REUSEADDR, 1); });
  const int port = options.port == 0                               ? http.bind_to_any_port(options.host)
                   : http.bind_to_port(options.host, options.port) ? options.port
                                                                   : -1;
  if (port <= 0) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("[serve] cannot listen on {} port {}: taken, or no address of this machine", options.host, options.port),
                "aicoder serve --host 127.0.0.1 --port 0");
  }
  return port;
}

}  // namespace

const std::vector<ServerRoute>& server_routes() {
  static const std::vector<ServerRoute> routes = [] {
    std::vector<ServerRoute> out;
    for (const auto& entry : route_entries()) out.push_back(entry.route);
    return out;
  }();
  return routes;
}

std::string random_token() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw Error(ErrorCode::kUnavailable, "[serve] the system gives no random numbers");
  std::string out;
  for (const auto byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

struct Server::Impl {
  Impl(ServerBackend& served_backend, ServerOptions given)
      : backend(served_backend),
        options(checked(std::move(given))),
        guard(options.token, options.hosts, options.origins),
        rate(options.limits.requests_per_minute),
        api(served_backend, options) {
    set_up_limits();
    set_up_checks();
    for (const auto& entry : route_entries()) add_route(entry);
    for (const auto& file : server::web_files()) add_page(file);
    http.Options(".*", [](const httplib::Request&, httplib::Response& response) { response.status = 204; });
    port = bind(http, options);
  }

  void set_up_limits() {
    const auto& limits = options.limits;
    // Threads come as connections do and go when idle; what waits beyond them is bounded too.
    http.new_task_queue = [n = limits.connections] {
      return new httplib::ThreadPool(std::min<size_t>(8, n), n, n);
    };  // NOLINT(cppcoreguidelines-owning-memory): httplib takes it
    http.set_payload_max_length(limits.body_bytes + kDiscardedBytes);
    http.set_read_timeout(limits.read);
    http.set_write_timeout(limits.write);
    http.set_keep_alive_max_count(1000);
    http.set_keep_alive_timeout(static_cast<time_t>(limits.read.count()));
  }

  void set_up_checks() {
    http.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      auto record = start_record(request);
      response.user_data.set(kRecordKey, record);
      response.set_header("X-Request-Id", record->id);
      response.set_header("X-Content-Type-Options", "nosniff");
      response.set_header("Cache-Control", "no-store");
      try {
        guard.check(head_of(request));
        allow_origin(request, response);
        if (request.path != "/health") {
          if (const auto wait = rate.take(request.remote_addr, std::chrono::steady_clock::now())) {
            throw server::rate_limited(*wait);
          }
        }
        return httplib::Server::HandlerResponse::Unhandled;
      } catch (const std::exception& error) {
        fail(error, response, *record);
        return httplib::Server::HandlerResponse::Handled;
      }
    });
    http.set_exception_handler([this](const httplib::Request&, httplib::Response& response, const std::exception_ptr& thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        fail(error, response, *record_of(response));
      } catch (...) {
        fail(Error(ErrorCode::kInternal, "[serve] an exception of no known type"), response, *record_of(response));
      }
    });
    http.set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
      // Ours have a body; what is left are refusals of the library.
      if (!response.body.empty()) return httplib::Server::HandlerResponse::Unhandled;
      fail(is_wrong_method(request, response.status) ? of_status(405) : of_status(response.status), response, *record_of(response));
      return httplib::Server::HandlerResponse::Handled;
    });
    // Called once the status is known; a stream is counted when it ends.
    http.set_logger([this](const httplib::Request& request, const httplib::Response& response) {
      auto record = record_of(response);
      if (record->method.empty()) {
        record->method = "other";
        record->remote = request.remote_addr;
      }
      record->status = response.status;
      if (!record->streamed) finish(*record);
    });
  }

  static bool is_wrong_method(const httplib::Request& request, int status) {
    return status == 404 && std::ranges::any_of(route_entries(), [&](const auto& entry) {
             return entry.route.path == request.path && entry.route.method != request.method;
           });
  }

  std::shared_ptr<RequestRecord> start_record(const httplib::Request& request) {
    static constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT"};
    auto record = std::make_shared<RequestRecord>();
    record->id = fmt::format("req-{:x}-{:x}", std::chrono::system_clock::now().time_since_epoch().count(), ++n_requests);
    record->remote = request.remote_addr;
    record->method = std::ranges::find(kMethods, request.method) != kMethods.end() ? request.method : "other";
    record->route = "unmatched";  // the address as it came could hold anything, and would make a time series each
    return record;
  }
  /// A request refused before its headers were read has none yet.
  static std::shared_ptr<RequestRecord> record_of(const httplib::Response& response) {
    if (const auto* record = response.user_data.get<std::shared_ptr<RequestRecord>>(kRecordKey)) return *record;
    auto record = std::make_shared<RequestRecord>();
    record->route = "unmatched";
    return record;
  }

  void finish(const RequestRecord& record) {
    api.metrics().count(record);
    if (options.access_log) options.access_log(server::access_line(record));
  }

  void allow_origin(const httplib::Request& request, httplib::Response& response) const {
    const auto origin = request.get_header_value("Origin");
    if (origin.empty() || !guard.is_allowed_origin(origin)) return;
    response.set_header("Access-Control-Allow-Origin", origin);
    response.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type");
    response.set_header("Access-Control-Allow-Methods", "GET, POST, DELETE");
    response.set_header("Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
    response.set_header("Vary", "Origin");
  }

  static void fail(const std::exception& error, httplib::Response& response, RequestRecord& record) {
    const auto api_error = server::to_api_error(error);
    // The text of what is no ApiError may name files of this machine: it goes to the log only.
    record.error = dynamic_cast<const ApiError*>(&error) != nullptr ? api_error.name() : error.what();
    response.status = api_error.status();
    response.set_content(server::dump(server::error_json(api_error)), "application/json");
    if (api_error.retry_after.count() > 0) response.set_header("Retry-After", std::to_string(api_error.retry_after.count()));
    if (api_error.status() == 401) response.set_header("WWW-Authenticate", "Bearer");
  }

  void add_page(const server::WebFile& file) {
    http.Get(std::string(file.path), [&file](const httplib::Request&, httplib::Response& response) {
      record_of(response)->route = file.path;
      response.set_header("Content-Security-Policy", std::string(server::kContentSecurityPolicy));
      response.set_header("Referrer-Policy", "no-referrer");
      response.set_content(std::string(file.content), std::string(file.content_type));
    });
  }

  void add_route(const RouteEntry& entry) {
    const auto [pattern, param] = http_pattern(entry.route.path);
    const auto handle = [this, &entry, param](const httplib::Request& request, httplib::Response& response, std::string_view body) {
      const auto record = record_of(response);
      record->route = entry.route.path;
      record->bytes_in = body.size();
      Exchange exchange{.body = body,
                        .path_param = param.empty() ? std::string() : request.path_params.at(param),
                        .client_gone = request.is_connection_closed,
                        .record = record,
                        .answer = {},
                        .stream = {}};
      try {
        (api.*entry.handler)(exchange);
        send(std::move(exchange), response);
      } catch (const std::exception& error) {
        fail(error, response, *record);
      }
    };
    if (entry.route.method == "GET") http.Get(pattern, [handle](const auto& request, auto& response) { handle(request, response, {}); });
    if (entry.route.method == "DELETE")
      http.Delete(pattern, [handle](const auto& request, auto& response) { handle(request, response, {}); });
    if (entry.route.method != "POST") return;
    http.Post(pattern, [this, handle](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& reader) {
      std::string body;
      const auto until = std::chrono::steady_clock::now() + options.limits.body;
      bool too_slow = false, too_large = false;
      const bool read = reader([&](const char* data, size_t n) {
        too_slow = std::chrono::steady_clock::now() > until;
        too_large = too_large || n > options.limits.body_bytes - body.size();
        if (too_large) {
          body.clear();
        } else {
          body.append(data, n);
        }
        return !too_slow;
      });
      if (!read || too_large) {
        const ApiError slow(408, "invalid_request_error", "body_too_slow", "The body did not come in time.");
        fail(too_slow ? slow : of_status(too_large ? 413 : std::max(response.status, 400)), response, *record_of(response));
        return;
      }
      handle(request, response, body);
    });
  }

  void send(Exchange exchange, httplib::Response& response) {
    response.status = exchange.status;
    if (!exchange.stream) {
      response.set_content(std::move(exchange.answer), exchange.content_type);
      return;
    }
    exchange.record->streamed = true;
    response.set_header("X-Accel-Buffering", "no");
    const auto stream = std::make_shared<decltype(exchange.stream)>(std::move(exchange.stream));
    response.set_chunked_content_provider(
        exchange.content_type,
        // One call for the whole stream: between calls the library would end it when the server stops listening.
        [stream](size_t, httplib::DataSink& sink) {
          (*stream)([&](std::string_view text) { return sink.write(text.data(), text.size()); }, [&] { return !sink.is_writable(); });
          sink.done();
          *stream = {};  // what it holds goes before the connection waits for its next request
          return true;
        },
        [this, stream, record = exchange.record](bool) {
          *stream = {};
          finish(*record);
        });
  }

  ServerBackend& backend;
  const ServerOptions options;
  server::Guard guard;
  server::RateLimit rate;
  Api api;
  httplib::Server http;
  std::atomic<uint64_t> n_requests{0};
  int port = 0;
};

void check_server_options(const ServerOptions& options) {
  const auto usable = checked(options);
  httplib::Server probe;
  (void)bind(probe, usable);
  probe.stop();
}

Server::Server(ServerBackend& backend, ServerOptions options) : impl_(std::make_unique<Impl>(backend, std::move(options))) {}
Server::~Server() { impl_->http.stop(); }
int Server::port() const noexcept { return impl_->port; }
std::string Server::url() const {
  const auto& host = impl_->options.host;
  const bool bracketed = host.find(':') != std::string::npos;  // IPv6
  return fmt::format("http://{}{}{}:{}", bracketed ? "[" : "", host, bracketed ? "]" : "", impl_->port);
}

bool Server::run(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kToEnd{2000};  // for what was stopped to say so
  std::jthread listener([this] { impl_->http.listen_after_bind(); });
  std::mutex mutex;
  std::condition_variable_any wake;
  {
    std::unique_lock lock(mutex);
    wake.wait(lock, stop, [] { return false; });
  }
  impl_->api.start_draining();
  impl_->http.stop();
  const bool all_ended = impl_->api.wait_idle(impl_->options.limits.drain);
  if (!all_ended) {
    impl_->api.stop_all();
    (void)impl_->api.wait_idle(kToEnd);
  }
  (void)impl_->backend.drain(kToEnd);
  listener.join();
  return all_ended;
}

}  // namespace aicoder
