// A server on a free loopback port over the fake backend, and a plain socket for requests no client library would send.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "server/fake_backend.h"
#include "support/test_model.h"

namespace aicoder::test {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

/// True as soon as the condition holds; false after ten seconds.
inline bool soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

class Socket {
 public:
  explicit Socket(int port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  /// What is left when the server closes meanwhile is not sent.
  void send(const std::string& bytes) const {
    for (size_t at = 0; at < bytes.size();) {
      const auto n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<size_t>(n);
    }
  }
  /// Until the text has come, or the server closed, or nothing came for ten seconds.
  std::string read_until(const std::string& text) const {
    std::string out;
    std::array<char, 4096> buffer{};
    while (out.find(text) == std::string::npos) {
      const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      out.append(buffer.data(), static_cast<size_t>(n));
    }
    return out;
  }
  bool connected = false;

 private:
  int fd_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerOptions options() {
    ServerOptions out;
    out.port = 0;
    out.limits.requests_per_minute = 0;
    out.access_log = [this](std::string_view line) {
      const std::lock_guard lock(log_mutex_);
      log_.push_back(Json::parse(line));
    };
    return out;
  }
  void start(ServerOptions given) {
    server_ = std::make_unique<Server>(backend_, std::move(given));
    runner_ = std::jthread([this](const std::stop_token& stop) {
      all_ended_ = server_->run(stop);
      returned_ = true;
    });
  }
  void start() { start(options()); }
  void TearDown() override {
    runner_ = {};  // asks it to stop, and waits
    server_.reset();
  }
  httplib::Client client() const {
    httplib::Client out("127.0.0.1", server_->port());
    out.set_read_timeout(20s);
    return out;
  }
  struct Answer {
    int status = 0;
    Json body;
    httplib::Headers headers;
    std::string text;
  };
  static Answer answer_of(const httplib::Result& result) {
    if (!result) {
      ADD_FAILURE() << "no answer: " << httplib::to_string(result.error());
      return {};
    }
    return {result->status, Json::parse(result->body, nullptr, false), result->headers, result->body};
  }
  Answer get(const std::string& path, const httplib::Headers& headers = {}) const { return answer_of(client().Get(path, headers)); }
  Answer post(const std::string& path, const Json& body, const httplib::Headers& headers = {}) const {
    return answer_of(client().Post(path, headers, body.dump(), "application/json"));
  }
  static Json chat_body(bool stream = false) {
    Json body = {{"model", "tiny"}, {"messages", Json::array({{{"role", "user"}, {"content", "a very private question"}}})}};
    if (stream) body["stream"] = true;
    return body;
  }
  /// As bytes, for plain sockets.
  std::string chat_bytes(bool stream) const {
    const auto body = chat_body(stream).dump();
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static void expect_error(const Answer& answer, int status, const std::string& name) {
    EXPECT_EQ(answer.status, status) << answer.text;
    ASSERT_TRUE(answer.body.is_object() && answer.body.contains("error")) << answer.text;
    EXPECT_EQ(answer.body["error"]["code"], name) << answer.text;
    EXPECT_TRUE(answer.body["error"]["message"].is_string());
    EXPECT_TRUE(answer.body["error"]["type"].is_string());
    EXPECT_TRUE(answer.body["error"].contains("param"));
  }
  /// The data of each server-sent event; "[DONE]" as a string.
  static std::vector<Json> events_of(const std::string& text) {
    std::vector<Json> out;
    for (size_t at = text.find("data: "); at != std::string::npos; at = text.find("data: ", at + 1)) {
      const auto data = text.substr(at + 6, text.find("\n\n", at) - at - 6);
      out.push_back(data == "[DONE]" ? Json(data) : Json::parse(data));
    }
    return out;
  }
  std::vector<Json> log() {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }

  FakeBackend backend_;
  std::unique_ptr<Server> server_;
  std::jthread runner_;
  std::atomic<bool> all_ended_{false}, returned_{false};
  std::mutex log_mutex_;
  std::vector<Json> log_;
};

}  // namespace aicoder::test
