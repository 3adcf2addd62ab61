#include "aicoder/engine.h"

#include <algorithm>
#include <cmath>

#include "engine/engine_thread.h"
#include "engine/engine_view.h"
#include "engine/prompt_start.h"

namespace aicoder {
namespace {

/// Of one request: their records are made before anything is decoded.
constexpr size_t kMostSamples = 4096;

void check_options(const Model& model, const EngineOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[engine] " + what); };
  if (options.max_queued < 1) refuse("max_queued is 0, expected at least 1");
  if (options.lanes.context.n_seq_max < 1) refuse("n_seq_max is 0, expected at least 1");
  const size_t n_ctx = options.lanes.context.n_ctx_seq;
  if (n_ctx < 2 || n_ctx > model.n_ctx_train()) {
    refuse("n_ctx_seq is " + std::to_string(n_ctx) + ", expected 2 to " + std::to_string(model.n_ctx_train()) +
           ", the context the model was trained with");
  }
}

}  // namespace

struct Engine::Impl {
  std::shared_ptr<const Model> model;
  EngineOptions options;
  Resolve resolve;
  EngineThread thread;

  Impl(std::shared_ptr<const Model> model_in, const EngineOptions& options_in, Resolve resolve_in)
      : model(std::move(model_in)), options(options_in), resolve(std::move(resolve_in)), thread(model, options) {}

  std::filesystem::path file_of(std::string_view name) const {
    if (!resolve) throw Error(ErrorCode::kNotFound, "[engine] no fragment '" + std::string(name) + "': this engine has none");
    return resolve(name);
  }

  std::vector<FragmentFile> files_of(const std::vector<FragmentChoice>& fragments) const {
    std::vector<FragmentFile> files;
    for (const auto& choice : fragments) {
      if (choice.strength && !std::isfinite(*choice.strength)) {
        throw Error(ErrorCode::kInvalidArgument, "[engine] strength of '" + choice.name + "' is not finite");
      }
      auto path = file_of(choice.name);
      const auto same = [&](const FragmentFile& other) { return other.path == path; };
      if (std::any_of(files.begin(), files.end(), same)) {
        throw Error(ErrorCode::kInvalidArgument, "[engine] fragment '" + choice.name + "' is given twice", "give it once");
      }
      files.push_back({std::move(path), choice.strength});
    }
    return files;
  }

  /// Checks a request. The caller adds on_end.
  std::unique_ptr<Ticket> ticket(EngineRequest request, const std::stop_token& stop) const {
    auto& g = request.generation;
    auto ticket = std::make_unique<Ticket>();
    auto& out = ticket->generate;
    if (request.prompt.empty()) {
      out.prompt = model->chat_tokens(g.messages, true, g.assistant_prefix);
    } else {
      if (!g.messages.empty() || !g.assistant_prefix.empty()) {
        throw Error(ErrorCode::kInvalidArgument, "[engine] a prompt and messages, expected one of them");
      }
      out.prompt = std::move(request.prompt);
    }
    out.n = g.n;
    out.max_tokens = g.max_tokens;
    out.sampling = g.sampling;
    out.stop_strings = std::move(g.stop_strings);
    out.grammar = std::move(g.grammar);
    out.n_logprobs = g.n_logprobs;
    out.lookup_tokens = g.lookup_tokens;
    if (g.n > kMostSamples) {
      throw Error(ErrorCode::kInvalidArgument,
                  "[engine] n is " + std::to_string(g.n) + ", expected at most " + std::to_string(kMostSamples));
    }
    check_request(*model, options.lanes.context.n_ctx_seq, out);
    ticket->files = files_of(g.fragments);
    if (!ticket->files.empty()) {
      if (request.active_from && g.messages.empty()) out.active_from = std::min(*request.active_from, out.prompt.size() - 1);
      ticket->active_from_files = !request.active_from;
      ticket->active_message = request.active_from;
      ticket->messages = std::move(g.messages);
      ticket->assistant_prefix = std::move(g.assistant_prefix);
      ticket->sampling_of_fragments = g.sampling_of_fragments;
    }
    if (g.on_token) {
      // An exception must not end the requests of others: it ends this one, and goes into its future.
      out.on_token = [ticket = ticket.get(), receive = std::move(g.on_token)](size_t sample, std::string_view text) {
        if (ticket->error) return false;
        try {
          return receive(sample, text);
        } catch (...) {
          ticket->error = std::current_exception();
          return false;
        }
      };
    }
    if (g.on_logprob) {
      out.on_logprob = [ticket = ticket.get(), receive = std::move(g.on_logprob)](size_t sample, const TokenLogprob& logprob) {
        if (ticket->error) return;
        try {
          receive(sample, logprob);
        } catch (...) {
          ticket->error = std::current_exception();
        }
      };
    }
    ticket->urgent = request.priority == Priority::kInteractive;
    ticket->deadline = request.deadline;
    ticket->stop = stop;
    ticket->submitted = EngineClock::now();
    return ticket;
  }
};

Engine::Engine(std::shared_ptr<const Model> model, const EngineOptions& options, Resolve resolve) {
  if (!model) throw Error(ErrorCode::kInvalidArgument, "[engine] no model");
  check_options(*model, options);
  impl_ = std::make_unique<Impl>(std::move(model), options, std::move(resolve));
}
Engine::~Engine() = default;

std::future<GenerationResult> Engine::submit(EngineRequest request, std::stop_token stop) {
  auto ticket = impl_->ticket(std::move(request), stop);
  auto promise = std::make_shared<std::promise<GenerationResult>>();
  auto future = promise->get_future();
  ticket->on_end = [promise](Outcome&& outcome) {
    if (outcome.error) {
      promise->set_exception(outcome.error);
    } else {
      promise->set_value(std::move(outcome.result));
    }
  };
  impl_->thread.submit(std::move(ticket), true);
  return future;
}

std::future<std::vector<std::vector<float>>> Engine::embed(std::vector<std::string> texts, std::stop_token stop) {
  if (texts.empty()) throw Error(ErrorCode::kInvalidArgument, "[embed] no texts, expected at least one");
  auto task = std::make_unique<EmbedTask>();
  for (size_t i = 0; i < texts.size(); ++i) {
    auto tokens = impl_->model->tokenize(texts[i], {.add_special = true});
    if (texts[i].empty() || tokens.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "[embed] text " + std::to_string(i) + " is empty, expected at least one token");
    }
    const size_t n_ctx = impl_->options.lanes.context.n_ctx_seq;
    if (tokens.size() > n_ctx) throw ContextOverflow(tokens.size(), n_ctx);
    task->texts.push_back(std::move(tokens));
  }
  task->stop = std::move(stop);
  auto future = task->promise.get_future();
  impl_->thread.submit(std::move(task));
  return future;
}

size_t Engine::count_tokens(std::span<const ChatMessage> messages) const { return impl_->model->chat_tokens(messages).size(); }

LoadedFragment Engine::load_fragment(std::string_view name) { return impl_->thread.load(std::string(name), impl_->file_of(name)); }

bool Engine::unload_fragment(std::string_view name) {
  // By the name it was loaded with too: its file may be gone.
  for (const auto& fragment : fragments()) {
    if (fragment.name == name) return impl_->thread.unload(fragment.path);
  }
  try {
    return impl_->thread.unload(impl_->file_of(name));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return false;
    throw;
  }
}

std::vector<LoadedFragment> Engine::fragments() const { return impl_->thread.fragments(); }
EngineStats Engine::stats() const { return impl_->thread.stats(); }
bool Engine::drain(std::chrono::milliseconds limit) { return impl_->thread.drain(limit); }
const Model& Engine::model() const noexcept { return *impl_->model; }
size_t Engine::n_ctx_seq() const noexcept { return impl_->options.lanes.context.n_ctx_seq; }

std::unique_ptr<TextGenerator> Engine::generator(Priority priority) {
  auto submit = [impl = impl_.get(), priority](const GenerationRequest& request, const std::stop_token& stop,
                                               std::function<void(Outcome&&)> on_end) {
    auto ticket = impl->ticket({.generation = request, .priority = priority}, stop);
    ticket->on_end = std::move(on_end);
    impl->thread.submit(std::move(ticket), false);
  };
  // Enough that a sequence never waits for the thread that called.
  const size_t most_inside = 2 * impl_->options.lanes.context.n_seq_max + 2;
  return std::make_unique<EngineView>(*this, std::move(submit), most_inside);
}

}  // namespace aicoder
