// The engine and the agent as the server asks for them.
#include <algorithm>
#include <mutex>

#include "aicoder/server.h"

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kFragmentsFresh{2};  // reading the headers of every fragment file for each request would cost milliseconds

class EngineBackend : public ServerBackend {
 public:
  EngineBackend(Engine& engine, EngineBackendOptions options) : engine_(engine), options_(std::move(options)) {
    const auto& model = engine.model();
    served_ = {.name = options_.model_name,
               .fingerprint = model.fingerprint(),
               .n_ctx = engine.n_ctx_seq(),
               .n_embd = model.n_embd(),
               .n_vocab = model.n_vocab()};
  }

  const ServedModel& model() const override { return served_; }
  std::future<GenerationResult> submit(EngineRequest request, std::stop_token stop) override {
    return engine_.submit(std::move(request), std::move(stop));
  }
  std::future<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, std::stop_token stop) override {
    return engine_.embed(std::move(texts), std::move(stop));
  }
  std::vector<Token> tokenize(std::string_view text) const override {
    return engine_.model().tokenize(text, {.add_special = true, .parse_special = true});
  }
  std::string piece(Token token) const override { return engine_.model().piece(token, true); }

  std::vector<FragmentInfo> fragments() const override {
    const std::lock_guard lock(mutex_);
    if (Clock::now() - read_at_ > kFragmentsFresh) {
      known_ = list_fragments(fragments_dir());
      std::erase_if(known_, [&](const auto& info) { return !info.foreign && info.base_fingerprint != served_.fingerprint; });
      read_at_ = Clock::now();
    }
    return known_;
  }
  std::vector<LoadedFragment> loaded_fragments() const override { return engine_.fragments(); }
  LoadedFragment load_fragment(std::string_view name) override { return engine_.load_fragment(name); }
  bool unload_fragment(std::string_view name) override { return engine_.unload_fragment(name); }
  EngineStats stats() const override { return engine_.stats(); }
  bool drain(std::chrono::milliseconds limit) override { return engine_.drain(limit); }

  AgentResult run_agent(const TaskRequest& task, const std::vector<FragmentChoice>& fragments, const AgentObserver& observer,
                        const std::stop_token& stop) override {
    AgentOptions options = options_.agent;
    if (!fragments.empty()) {
      options.role_fragments.clear();
      for (const auto& choice : fragments) options.role_fragments[role_of(choice.name)] = choice;
    }
    const auto generator = engine_.generator();
    return Agent(*generator, options_.runner, options).run(task, observer, stop);
  }

 private:
  /// A fragment without one of the agent's roles acts as the coder.
  std::string role_of(const std::string& name) const {
    for (const auto& info : fragments()) {
      if (info.name == name && (info.role == "debugger" || info.role == "security")) return info.role;
    }
    return "coder";
  }

  Engine& engine_;
  EngineBackendOptions options_;
  ServedModel served_;
  mutable std::mutex mutex_;
  mutable std::vector<FragmentInfo> known_;
  mutable Clock::time_point read_at_;
};

}  // namespace

std::unique_ptr<ServerBackend> make_engine_backend(Engine& engine, EngineBackendOptions options) {
  return std::make_unique<EngineBackend>(engine, std::move(options));
}

}  // namespace aicoder
