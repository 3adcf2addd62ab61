// In-memory stand-ins for the engine and the sandbox: answers are a function of the prompt, grades of the answer's text.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aicoder/adapter.h"
#include "aicoder/sandbox.h"

namespace aicoder::test {

class FakeGenerator : public TextGenerator {
 public:
  using Answer = std::function<std::string(const GenerationRequest&)>;
  explicit FakeGenerator(Answer answer) : answer_(std::move(answer)) {}

  using TextGenerator::generate;
  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const std::stop_token& stop,
                                         const std::function<void(size_t, const GenerationResult&)>& on_done = {}) override {
    ++calls;
    std::vector<GenerationResult> results;
    for (size_t i = 0; i < requests.size(); ++i) {
      asked.push_back(requests[i]);
      GenerationResult result;
      GenerateSample sample;
      sample.text = answer_(requests[i]);
      sample.tokens = {1, 2, 3};
      sample.finish = stop.stop_requested() ? FinishReason::kCancelled : FinishReason::kStopString;
      result.output.samples = {sample};
      result.output.prompt_tokens = 10;
      results.push_back(result);
      if (on_done) on_done(i, result);
    }
    return results;
  }
  size_t count_tokens(std::span<const ChatMessage> messages) override {
    size_t bytes = 0;
    for (const auto& message : messages) bytes += message.content.size();
    return bytes / 4;
  }
  size_t n_ctx_seq() const override { return 4096; }
  std::string model_name() const override { return name; }

  std::string name = "fake";
  std::vector<GenerationRequest> asked;
  size_t calls = 0;

 private:
  Answer answer_;
};

/// Plays both programs of the grader without Python: cleaning changes nothing, and `passes` says which solution passes.
class FakeRunner : public CodeRunner {
 public:
  using Passes = std::function<bool(const nlohmann::json& request)>;
  explicit FakeRunner(Passes passes) : passes_(std::move(passes)) {}

  SandboxResult run(const SandboxRequest& request, const std::stop_token&) override {
    ++runs;
    const auto input = nlohmann::json::parse(request.stdin_text);
    SandboxResult result;
    result.verdict = Verdict::kOk;
    result.exit_code = 0;
    if (input.contains("text")) {
      result.out = nlohmann::json{{"solution", input["text"]}}.dump() + "\n";
    } else if (passes_(input)) {
      result.out = input["nonce"].get<std::string>();
    } else {
      result.verdict = Verdict::kRe;
      result.exit_code = 1;
      result.err = "AssertionError";
    }
    return result;
  }
  std::string level() const override { return "fake"; }

  std::atomic<size_t> runs = 0;

 private:
  Passes passes_;
};

/// Passes what contains the word "right".
inline bool is_right(const nlohmann::json& request) { return request["solution"].get<std::string>().find("right") != std::string::npos; }

}  // namespace aicoder::test
