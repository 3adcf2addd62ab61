// The engine as agent and eval see one. Private to src/engine.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "aicoder/engine.h"
#include "engine/ticket.h"

namespace aicoder {

/// Callbacks of requests run on the thread that called generate(), so that they may block and need no locks.
class EngineView : public TextGenerator {
 public:
  /// Hands a request in, past the bound of the queue. \throws as Engine::submit.
  using Submit = std::function<void(const GenerationRequest&, const std::stop_token&, std::function<void(Outcome&&)> on_end)>;
  /// \param most_inside  requests in the engine at once
  EngineView(const Engine& engine, Submit submit, size_t most_inside)
      : engine_(engine), submit_(std::move(submit)), most_inside_(most_inside) {}

  using TextGenerator::generate;
  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const std::stop_token& stop,
                                         const std::function<void(size_t, const GenerationResult&)>& on_done) override;
  size_t count_tokens(std::span<const ChatMessage> messages) override { return engine_.count_tokens(messages); }
  size_t n_ctx_seq() const override { return engine_.n_ctx_seq(); }
  std::string model_name() const override { return engine_.model().name(); }

 private:
  const Engine& engine_;
  Submit submit_;
  size_t most_inside_;
};

}  // namespace aicoder
