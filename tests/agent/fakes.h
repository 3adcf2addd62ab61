// Small in-memory stand-ins for the two edges of the agent: the model and the sandbox.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aicoder/agent.h"

namespace aicoder::test {

/// Answers from a function of the request; a token is four bytes.
class FakeGenerator : public TextGenerator {
 public:
  using Answer = std::function<std::string(const GenerationRequest& request, size_t sample)>;
  explicit FakeGenerator(Answer answer) : answer_(std::move(answer)) {}
  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const std::stop_token& stop,
                                         const std::function<void(size_t, const GenerationResult&)>& on_done) override {
    std::vector<GenerationResult> results;
    for (const GenerationRequest& request : requests) {
      seen.push_back(request);
      GenerationResult result;
      result.switch_ms = request.fragments.empty() ? 0.0 : 1.5;
      result.output.prompt_tokens = count_tokens(request.messages);
      for (size_t i = 0; i < request.n; ++i) {
        GenerateSample sample;
        sample.text = answer_(request, i);
        sample.tokens.resize(sample.text.size() / 4 + 1);
        if (request.on_token && !request.on_token(i, sample.text)) sample.finish = FinishReason::kCancelled;
        if (stop.stop_requested()) sample.finish = FinishReason::kCancelled;
        result.output.samples.push_back(std::move(sample));
      }
      if (on_done) on_done(results.size(), result);
      results.push_back(std::move(result));
    }
    return results;
  }
  size_t count_tokens(std::span<const ChatMessage> messages) override {
    size_t bytes = 0;
    for (const ChatMessage& message : messages) bytes += message.content.size() + 16;
    return bytes / 4;
  }
  size_t n_ctx_seq() const override { return n_ctx; }
  std::string model_name() const override { return "fake"; }

  size_t n_ctx = 4096;
  std::vector<GenerationRequest> seen;

 private:
  Answer answer_;
};

/// Speaks the runner's protocol: the function gets the job and gives the events; "done" and "end" are added.
class FakeRunner : public CodeRunner {
 public:
  using Events = std::function<std::vector<nlohmann::json>(const nlohmann::json& job, const SandboxRequest& request)>;
  explicit FakeRunner(Events events) : events_(std::move(events)) {}
  SandboxResult run(const SandboxRequest& request, const std::stop_token& stop) override {
    throw_if_stopped(stop);
    requests.push_back(request);
    size_t end = request.stdin_text.find('\n');
    nlohmann::json job = nlohmann::json::parse(request.stdin_text.substr(0, end));
    std::string nonce = request.stdin_text.substr(end + 1);
    nonce.pop_back();
    SandboxResult result;
    result.verdict = verdict;
    result.level = "L3";
    result.exit_code = 0;
    std::vector<nlohmann::json> events = events_(job, request);
    if (add_done) events.push_back({{"event", "done"}, {"framework", "unittest"}});
    for (const auto& event : events) result.out += "\n@" + nonce + " " + event.dump() + "\n";
    return result;
  }
  std::string level() const override { return "L3"; }

  std::vector<SandboxRequest> requests;
  Verdict verdict = Verdict::kOk;
  bool add_done = true;

 private:
  Events events_;
};

inline nlohmann::json passed(const std::string& id) { return {{"event", "result"}, {"id", id}, {"status", "passed"}}; }
inline nlohmann::json failed(const std::string& id, const std::string& message = "AssertionError: 1 != 2", const std::string& file = "") {
  nlohmann::json frames = nlohmann::json::array();
  if (!file.empty()) frames.push_back({{"file", file}, {"line", 1}, {"function", "f"}, {"code", "raise"}});
  return {{"event", "result"},
          {"id", id},
          {"status", "failed"},
          {"error", {{"message", message}, {"type", message.substr(0, message.find(':'))}, {"frames", frames}, {"missing", ""}}}};
}

/// AICODER_HOME for one test, put back afterwards.
class HomeGuard {
 public:
  explicit HomeGuard(const std::filesystem::path& home) {
    if (const char* old = std::getenv("AICODER_HOME")) old_ = old;
    ::setenv("AICODER_HOME", home.c_str(), 1);
  }
  ~HomeGuard() {
    if (old_)
      ::setenv("AICODER_HOME", old_->c_str(), 1);
    else
      ::unsetenv("AICODER_HOME");
  }
  HomeGuard(const HomeGuard&) = delete;
  HomeGuard& operator=(const HomeGuard&) = delete;

 private:
  std::optional<std::string> old_;
};

inline void write(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  write_file_atomic(path, text);
}

}  // namespace aicoder::test
