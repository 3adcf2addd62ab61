// A tiny HTTP server on 127.0.0.1 for download tests: ranges, validators, and faults on demand. One thread a connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace aicoder::test {

struct Route {
  std::string content;
  int status = 200;    ///< other than 200: `content` is the error page
  std::string etag;    ///< with quotes; empty: none is sent
  bool ranges = true;  ///< false: always the whole file with 200
  bool send_length = true;
  std::string redirect;                                    ///< not empty: 302 to there
  std::function<void(size_t request_number)> before_body;  ///< e.g. waits for another thread
  std::optional<size_t> cut_first_after;                   ///< the first request's body ends after so many bytes, by disconnecting
};

struct Request {
  std::string path, range, if_range;
};

class LocalServer {
 public:
  LocalServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("the test server could not start");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~LocalServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (auto& worker : workers_) worker.join();
    ::close(listener_);
  }
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  void set(const std::string& path, Route route) {
    const std::scoped_lock lock(mutex_);
    routes_[path] = std::move(route);
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  std::vector<Request> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    while (true) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      workers_.emplace_back([this, client] {
        serve(client);
        ::close(client);
      });
    }
  }

  static bool send_all(int client, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  static std::string header_value(const std::string& head, const std::string& name) {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto start = at + name.size() + 4;
    return head.substr(start, head.find("\r\n", start) - start);
  }

  void serve(int client) {
    std::string head;
    char buffer[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = ::recv(client, &buffer[0], sizeof buffer, 0);
      if (n <= 0) return;
      head.append(&buffer[0], static_cast<size_t>(n));
    }
    const auto path_start = head.find(' ') + 1;
    const Request request{head.substr(path_start, head.find(' ', path_start) - path_start), header_value(head, "Range"),
                          header_value(head, "If-Range")};
    Route route{.content = "not here", .status = 404};
    size_t number = 0;
    {
      const std::scoped_lock lock(mutex_);
      requests_.push_back(request);
      number = ++count_[request.path];
      if (const auto found = routes_.find(request.path); found != routes_.end()) route = found->second;
    }
    if (!route.redirect.empty()) {
      send_all(client, "HTTP/1.1 302 Found\r\nETag: \"of the redirect\"\r\nLocation: " + route.redirect +
                           "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    size_t from = 0;
    int status = route.status;
    std::string extra;
    if (status == 200 && route.ranges && !request.range.empty() && (request.if_range.empty() || request.if_range == route.etag)) {
      from = std::stoul(request.range.substr(6));
      const std::string total = std::to_string(route.content.size());
      if (from >= route.content.size()) {
        status = 416;
        extra = "Content-Range: bytes */" + total + "\r\n";
        from = route.content.size();
      } else {
        status = 206;
        extra = "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(route.content.size() - 1) + "/" + total + "\r\n";
      }
    }
    if (!route.etag.empty()) extra += "ETag: " + route.etag + "\r\n";
    std::string_view body = std::string_view(route.content).substr(from);
    if (route.send_length) extra += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (!send_all(client, "HTTP/1.1 " + std::to_string(status) + " X\r\n" + extra + "Connection: close\r\n\r\n")) return;
    if (route.cut_first_after && number == 1) body = body.substr(0, *route.cut_first_after);
    if (route.before_body) {
      // Half first, so that the client has something when it is made to wait.
      if (!send_all(client, body.substr(0, body.size() / 2))) return;
      route.before_body(number);
      body = body.substr(body.size() / 2);
    }
    send_all(client, body);
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> workers_;  // touched by the acceptor, and by the destructor after it ended
  mutable std::mutex mutex_;
  std::map<std::string, Route> routes_;
  std::map<std::string, size_t> count_;
  std::vector<Request> requests_;
};

}  // namespace aicoder::test
