// An OpenAI endpoint that answers what it is told to and keeps what it was asked.
#pragma once

#include <httplib.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace aicoder::test {

class FakeEndpoint {
 public:
  FakeEndpoint() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(16); };  // NOLINT(cppcoreguidelines-owning-memory): httplib takes it
    server_.Get("/v1/models", [this](const httplib::Request& request, httplib::Response& response) {
      authorization = request.get_header_value("Authorization");
      response.set_content(models, "application/json");
    });
    server_.Post("/v1/chat/completions", [this](const httplib::Request& request, httplib::Response& response) {
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(nlohmann::json::parse(request.body));
      }
      response.status = status;
      if (status != 200) return response.set_content(error, "application/json");
      response.set_chunked_content_provider("text/event-stream", [this](size_t, httplib::DataSink& sink) {
        for (const auto& part : parts) {
          if (pause.count() > 0) std::this_thread::sleep_for(pause);
          if (!sink.write(part.data(), part.size())) return false;
        }
        sink.done();
        return true;
      });
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    server_.wait_until_ready();
  }
  ~FakeEndpoint() {
    server_.stop();
    thread_.join();
  }
  FakeEndpoint(const FakeEndpoint&) = delete;
  FakeEndpoint& operator=(const FakeEndpoint&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::vector<nlohmann::json> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  // What it answers. Set before it is asked.
  std::string models = R"({"data": [{"id": "base", "owned_by": "somebody"}]})";
  int status = 200;
  std::string error = R"({"error": {"message": "the queue is full"}})";
  std::chrono::milliseconds pause{0};
  std::vector<std::string> parts = {"data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"\"}}]}\n\n",
                                    "data: {\"choices\": [{\"delta\": {\"content\": \"one\"}}]}\n\n",
                                    "data: {\"choices\": [{\"delta\": {\"content\": \" two\"}}]}\n\n",
                                    "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 20, \"completion_tokens\": 3, "
                                    "\"prompt_tokens_details\": {\"cached_tokens\": 12}}}\n\n",
                                    "data: [DONE]\n\n"};
  std::string authorization;  ///< of the last list of models

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::vector<nlohmann::json> asked_;
};

}  // namespace aicoder::test
