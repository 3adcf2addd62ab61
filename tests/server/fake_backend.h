// An engine of a few lines: says its script word by word, and remembers what it was asked and how that ended.
#pragma once

#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>

#include "aicoder/server.h"

namespace aicoder::test {

class FakeBackend : public ServerBackend {
 public:
  ~FakeBackend() override {
    for (auto& thread : threads_) thread.request_stop();
  }

  // What it does.
  std::vector<std::string> pieces = {"Hello", " there", "!"};
  std::chrono::milliseconds pause{0};  ///< before each piece
  bool endless = false;                ///< the pieces again and again, until stopped
  std::function<void()> on_submit;     ///< may throw
  std::function<void()> on_run;        ///< may throw, into the future
  std::vector<FragmentInfo> store = {{.path = "/secret/place/coder.gguf", .name = "coder", .role = "coder", .strength = 0.25f}};
  std::function<AgentResult(const TaskRequest&, const AgentObserver&, const std::stop_token&)> agent;

  // What it saw.
  EngineRequest last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::atomic<int> stopped{0}, submitted{0}, ended{0};
  std::atomic<bool> loaded{false};

  const ServedModel& model() const override { return model_; }
  std::future<GenerationResult> submit(EngineRequest request, std::stop_token stop) override {
    if (on_submit) on_submit();
    ++submitted;
    const std::lock_guard lock(mutex_);
    last_ = request;
    std::promise<GenerationResult> promise;
    auto future = promise.get_future();
    threads_.emplace_back(
        [this, request = std::move(request), stop = std::move(stop), promise = std::move(promise)](const std::stop_token& end) mutable {
          try {
            if (on_run) on_run();
            promise.set_value(speak(request, stop, end));
          } catch (...) {
            promise.set_exception(std::current_exception());
          }
          ++ended;
        });
    return future;
  }
  std::future<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, std::stop_token) override {
    std::promise<std::vector<std::vector<float>>> promise;
    promise.set_value(std::vector<std::vector<float>>(texts.size(), {0.6f, 0.8f}));
    return promise.get_future();
  }
  std::vector<Token> tokenize(std::string_view text) const override { return std::vector<Token>(text.size(), 1); }
  std::string piece(Token token) const override { return token == 7 ? "\xED\x95" : "t" + std::to_string(token); }
  std::vector<FragmentInfo> fragments() const override { return store; }
  std::vector<LoadedFragment> loaded_fragments() const override {
    if (!loaded) return {};
    return {{.name = "coder", .path = "/secret/place/coder.gguf", .lanes = 1}};
  }
  LoadedFragment load_fragment(std::string_view name) override {
    loaded = true;
    return {.name = std::string(name)};
  }
  bool unload_fragment(std::string_view) override { return loaded.exchange(false); }
  EngineStats stats() const override { return {.requests = static_cast<uint64_t>(submitted.load())}; }
  bool drain(std::chrono::milliseconds) override { return true; }
  AgentResult run_agent(const TaskRequest& task, const std::vector<FragmentChoice>&, const AgentObserver& observer,
                        const std::stop_token& stop) override {
    return agent(task, observer, stop);
  }

 private:
  GenerationResult speak(const EngineRequest& request, const std::stop_token& stop, const std::stop_token& end) {
    GenerationResult result;
    result.output.prompt_tokens = 5;
    result.output.samples.resize(request.generation.n);
    bool going = true;
    do {
      for (const auto& text : pieces) {
        if (pause.count() > 0) std::this_thread::sleep_for(pause);
        for (size_t i = 0; i < request.generation.n && going; ++i) {
          auto& sample = result.output.samples[i];
          if (request.generation.n_logprobs >= 0) {
            sample.logprobs.push_back({.token = 7, .logprob = -0.5f, .top = {{7, -0.5f}, {8, -INFINITY}}});
            if (request.generation.on_logprob) request.generation.on_logprob(i, sample.logprobs.back());
          }
          going = !stop.stop_requested() && !end.stop_requested() && (!request.generation.on_token || request.generation.on_token(i, text));
          if (!going) {
            ++stopped;
            sample.finish = FinishReason::kCancelled;
            break;
          }
          sample.text += text;
          sample.tokens.push_back(1);
        }
        if (!going) break;
      }
    } while (endless && going);
    return result;
  }

  ServedModel model_{.name = "tiny", .fingerprint = "0123456789abcdef", .n_ctx = 512, .n_embd = 2, .n_vocab = 100};
  mutable std::mutex mutex_;
  EngineRequest last_;
  std::vector<std::jthread> threads_;
};

}  // namespace aicoder::test
