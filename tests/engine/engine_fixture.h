// An engine over the small real model with two made-up fragments.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapter/lora_file.h"
#include "aicoder/engine.h"
#include "model/smollm.h"
#include "support/error_matcher.h"

namespace aicoder::test {

class EngineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // Once: each file has factors for 210 weights.
    fragments_ = std::make_unique<TempDir>();
    LoraFile().add_all(smollm()->file(), 4, 1, 0.06f).write(*fragments_ / "a.gguf");
    LoraFile().add_all(smollm()->file(), 4, 1000, 0.06f).write(*fragments_ / "b.gguf");
    auto late = LoraFile();
    late.metadata["aicoder.active_from"] = uint32_t{1};
    late.add_all(smollm()->file(), 4, 1, 0.06f).write(*fragments_ / "late.gguf");
  }
  static void TearDownTestSuite() { fragments_.reset(); }

  static std::filesystem::path resolve(std::string_view name) {
    auto path = *fragments_ / (std::string(name) + ".gguf");
    if (!std::filesystem::exists(path)) throw Error(ErrorCode::kNotFound, "[test] no fragment " + std::string(name));
    return path;
  }
  static EngineOptions options(size_t n_seq_max = 2, bool deterministic = false) {
    EngineOptions options;
    options.lanes.context = small_context(n_seq_max, deterministic);
    return options;
  }
  static std::unique_ptr<Engine> make(const EngineOptions& options) { return std::make_unique<Engine>(smollm(), options, resolve); }
  static std::unique_ptr<Engine> make(size_t n_seq_max = 2, bool deterministic = false) { return make(options(n_seq_max, deterministic)); }

  static EngineRequest ask(const std::string& text, std::vector<FragmentChoice> fragments = {}, size_t max_tokens = 8) {
    return {.generation = {.messages = {{"user", text}}, .fragments = std::move(fragments), .max_tokens = max_tokens}};
  }
  /// Runs until it is stopped or full; `begun` is set with its first piece.
  static EngineRequest endless(const std::shared_ptr<std::promise<void>>& begun, std::vector<FragmentChoice> fragments = {}) {
    auto request = ask("Tell a very long story about a dragon.", std::move(fragments), 400);
    request.generation.on_token = [begun, first = true](size_t, std::string_view) mutable {
      if (std::exchange(first, false)) begun->set_value();
      return true;
    };
    return request;
  }
  template <typename Condition>
  static bool eventually(const Condition& condition) {
    for (int i = 0; i < 3000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  static inline std::unique_ptr<TempDir> fragments_;
};

}  // namespace aicoder::test
