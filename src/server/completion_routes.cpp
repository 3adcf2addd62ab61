// /v1/chat/completions, /v1/completions, /v1/embeddings.
#include <fmt/format.h>

#include <chrono>
#include <cstring>

#include "server/api.h"
#include "server/chat_answer.h"
#include "server/piece_queue.h"

namespace aicoder::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWaitForAnswer{50};  // how long a client that left may go unnoticed
constexpr milliseconds kWaitForPiece{10};   // how late the end of a stream may be seen

int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// A generation whose pieces go out as they are made. Stops the generation when it goes.
struct Streaming {
  explicit Streaming(size_t unread_bytes) : queue(std::make_shared<PieceQueue>(unread_bytes)) {}
  ~Streaming() {
    stop.request_stop();
    queue->close();
  }
  Streaming(const Streaming&) = delete;
  Streaming& operator=(const Streaming&) = delete;

  /// Sends the request's pieces here, each with the log-probabilities of its tokens.
  void receive(GenerationRequest& request) const {
    // Both are called on the engine's thread, a token's log-probabilities before the text that it completes.
    const auto waiting = std::make_shared<std::vector<std::vector<TokenLogprob>>>(request.n);
    request.on_token = [queue = queue, waiting](size_t sample, std::string_view text) {
      return queue->push({sample, std::string(text), std::exchange(waiting->at(sample), {})});
    };
    if (request.n_logprobs < 0) return;
    request.on_logprob = [waiting](size_t sample, const TokenLogprob& logprob) { waiting->at(sample).push_back(logprob); };
  }

  std::shared_ptr<PieceQueue> queue;
  std::stop_source stop;
  std::future<GenerationResult> future;
  std::shared_ptr<Gate::Ticket> ticket;
};

class StopAtEnd {
 public:
  explicit StopAtEnd(std::stop_source& stop) : stop_(stop) {}
  ~StopAtEnd() { stop_.request_stop(); }
  StopAtEnd(const StopAtEnd&) = delete;
  StopAtEnd& operator=(const StopAtEnd&) = delete;

 private:
  std::stop_source& stop_;
};

/// Hands out pieces until the generation has ended. False: the client is gone, too slow, or the server ends.
bool pump(Streaming& streaming, const std::function<bool(const Piece&)>& on_piece, const std::function<bool()>& gone,
          const std::stop_token& stop_all) {
  bool ended = false;
  auto next_look = std::chrono::steady_clock::now();
  while (true) {
    if (stop_all.stop_requested()) return false;  // also while pieces come faster than they are awaited
    if (auto piece = streaming.queue->pop(ended ? milliseconds(0) : kWaitForPiece)) {
      if (!on_piece(*piece)) return false;
      continue;
    }
    if (ended) return true;
    if (streaming.queue->closed()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_look) {
      if (gone()) return false;
      next_look = now + kWaitForAnswer;
    }
    // Pieces that came before the end was seen are still in the queue: one more round.
    ended = streaming.future.wait_for(milliseconds(0)) == std::future_status::ready;
  }
}

void keep_counts(RequestRecord& record, const GenerationResult& result) {
  record.prompt_tokens += result.output.prompt_tokens;
  record.reused_tokens += result.output.reused_tokens;
  record.completion_tokens += n_completion_tokens(result);
}

/// What a stream says when it cannot go on: its status was sent long ago.
void write_failure(const Exchange::Write& write, RequestRecord& record, const std::exception& error) {
  const auto api = to_api_error(error);
  record.error = dynamic_cast<const ApiError*>(&error) != nullptr ? api.name() : error.what();
  write(event_text(error_json(api)));
}

/// The log-probabilities of one sample on their way out: with the first chunk that is written after they came, the rest at the end.
class LogprobsOut {
 public:
  void add(const Piece& piece) { waiting_.insert(waiting_.end(), piece.logprobs.begin(), piece.logprobs.end()); }
  std::vector<TokenLogprob> take() {
    n_sent_ += waiting_.size();
    return std::exchange(waiting_, {});
  }
  /// Of the result, what no piece brought: tokens whose text was held back or never came.
  std::span<const TokenLogprob> rest(const GenerateSample& sample) const {
    return std::span(sample.logprobs).subspan(std::min(n_sent_, sample.logprobs.size()));
  }
  size_t offset = 0;  ///< bytes of the answer before the next, for text_offset

 private:
  std::vector<TokenLogprob> waiting_;
  size_t n_sent_ = 0;
};

/// Runs `send` over the pieces, then `end` over the result; every way out is accounted for.
void serve_stream(Streaming& streaming, const Exchange::Write& write, const std::function<bool()>& gone, RequestRecord& record,
                  const std::stop_token& stop_all, const std::function<bool(const Piece&)>& send,
                  const std::function<void(const GenerationResult&)>& end) {
  try {
    if (!pump(streaming, send, gone, stop_all)) {
      record.cancelled = true;
      streaming.stop.request_stop();
      if (streaming.queue->closed()) record.error = "slow_reader";
      keep_counts(record, streaming.future.get());
      if (stop_all.stop_requested()) throw overloaded("The server is ending.");
      return;
    }
    const auto result = streaming.future.get();
    keep_counts(record, result);
    end(result);
  } catch (const std::exception& error) {
    write_failure(write, record, error);
  }
}

}  // namespace

template <typename T>
T Api::wait(std::future<T>& future, std::stop_source& stop, const Exchange& exchange) {
  const auto stop_all = stop_all_.get_token();
  while (future.wait_for(kWaitForAnswer) != std::future_status::ready) {
    if (stop.stop_requested()) continue;  // the engine is on its way out of it
    if (exchange.client_gone() || stop_all.stop_requested()) {
      exchange.record->cancelled = true;
      stop.request_stop();
    }
  }
  auto result = future.get();
  if (stop_all.stop_requested()) throw overloaded("The server is ending.");
  return result;
}

void Api::chat(Exchange& exchange) {
  auto ticket = enter(gate_);
  auto request = std::make_shared<ChatRequest>(read_chat_request(parse_body(exchange.body), defaults()));
  check_fragments(request->engine.generation.fragments);
  exchange.record->model = request->model;
  const AnswerHead head{.id = new_id("chatcmpl-"),
                        .model = request->model,
                        .fingerprint = "aicoder-" + backend_.model().fingerprint.substr(0, 12),
                        .created = now_seconds()};
  if (!request->stream.stream) {
    std::stop_source stop;
    auto future = backend_.submit(request->engine, stop.get_token());
    const auto result = wait(future, stop, exchange);
    keep_counts(*exchange.record, result);
    exchange.reply(chat_completion(head, *request, result, [this](Token token) { return backend_.piece(token); }));
    return;
  }
  auto streaming = std::make_shared<Streaming>(options_.limits.unread_bytes);
  streaming->ticket = std::move(ticket);
  streaming->receive(request->engine.generation);
  streaming->future = backend_.submit(request->engine, streaming->stop.get_token());
  exchange.content_type = "text/event-stream";
  exchange.stream = [this, streaming, request, head, record = exchange.record](const Exchange::Write& write,
                                                                               const std::function<bool()>& gone) {
    const size_t n = request->engine.generation.n;
    const bool with_usage = request->stream.include_usage, with_tools = request->tool_choice != ToolChoice::kNone;
    const auto send_chunk = [&](Json chunk) {
      if (with_usage) chunk["usage"] = nullptr;
      return write(event_text(chunk));
    };
    std::vector<ToolCallReader> readers;
    std::vector<LogprobsOut> logprobs(n);
    const bool with_logprobs = request->engine.generation.n_logprobs >= 0;
    const auto piece_of = [this](Token token) { return backend_.piece(token); };
    const auto logprobs_of = [&](size_t sample) { return chat_logprobs(logprobs[sample].take(), with_logprobs, piece_of); };
    for (size_t i = 0; i < n; ++i) {
      readers.push_back(tool_reader(head, *request, i));
      send_chunk(chat_chunk(head, i, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}));
    }
    const auto send_parts = [&](size_t sample, const ToolCallReader::Out& out) {
      bool ok = true;
      if (!out.text.empty()) ok = send_chunk(chat_chunk(head, sample, {{"content", out.text}}, {}, logprobs_of(sample)));
      if (!out.calls.empty()) {
        const size_t first = readers[sample].n_calls() - out.calls.size();
        ok = ok && send_chunk(chat_chunk(head, sample, {{"tool_calls", tool_calls_json(out.calls, first, true)}}, {}, logprobs_of(sample)));
      }
      return ok;
    };
    const auto send = [&](const Piece& piece) {
      logprobs.at(piece.sample).add(piece);
      if (!with_tools) return send_chunk(chat_chunk(head, piece.sample, {{"content", piece.text}}, {}, logprobs_of(piece.sample)));
      return send_parts(piece.sample, readers.at(piece.sample).add(piece.text));
    };
    const auto end = [&](const GenerationResult& result) {
      for (size_t i = 0; i < result.output.samples.size() && i < n; ++i) {
        const auto& sample = result.output.samples[i];
        if (with_tools) send_parts(i, readers[i].finish());
        const auto rest = chat_logprobs(logprobs[i].rest(sample), with_logprobs, piece_of);
        send_chunk(chat_chunk(head, i, Json::object(), finish_text(sample.finish, readers[i].n_calls() > 0), rest));
      }
      if (with_usage) {
        auto last = chat_chunk(head, 0, Json::object());
        last["choices"] = Json::array();
        last["usage"] = usage_json(result.output.prompt_tokens, result.output.reused_tokens, n_completion_tokens(result));
        write(event_text(last));
      }
      write("data: [DONE]\n\n");
    };
    serve_stream(*streaming, write, gone, *record, stop_all_.get_token(), send, end);
  };
}

void Api::complete(Exchange& exchange) {
  auto ticket = enter(gate_);
  auto request = std::make_shared<CompletionRequest>(read_completion_request(parse_body(exchange.body), defaults()));
  check_fragments(request->engine.generation.fragments);
  exchange.record->model = request->model;
  const AnswerHead head{.id = new_id("cmpl-"),
                        .model = request->model,
                        .fingerprint = "aicoder-" + backend_.model().fingerprint.substr(0, 12),
                        .created = now_seconds()};
  std::vector<std::vector<Token>> prompts;
  for (const auto& prompt : request->prompts) {
    prompts.push_back(std::holds_alternative<std::string>(prompt) ? backend_.tokenize(std::get<std::string>(prompt))
                                                                  : std::get<std::vector<Token>>(prompt));
    for (const Token token : prompts.back()) {
      if (token < 0 || static_cast<size_t>(token) >= backend_.model().n_vocab)
        throw bad_request("prompt", fmt::format("token {} is not in the vocabulary of {}", token, backend_.model().n_vocab));
    }
    if (prompts.back().empty()) throw bad_request("prompt", "an empty prompt has no continuation");
  }
  const size_t n = request->engine.generation.n;
  const bool logprobs = request->engine.generation.n_logprobs >= 0;
  const auto object = [head](Json choices) -> Json {
    return {{"id", head.id},
            {"object", "text_completion"},
            {"created", head.created},
            {"model", head.model},
            {"system_fingerprint", head.fingerprint},
            {"choices", std::move(choices)}};
  };
  const auto piece_of = [this](Token token) { return backend_.piece(token); };
  if (!request->stream.stream) {
    std::stop_source stop;
    const StopAtEnd stop_at_end(stop);  // where one is refused or fails, the others are of no use
    std::vector<std::future<GenerationResult>> futures;
    for (auto& prompt : prompts) {
      auto one = request->engine;
      one.prompt = std::move(prompt);
      futures.push_back(backend_.submit(std::move(one), stop.get_token()));
    }
    Json choices = Json::array();
    for (size_t p = 0; p < futures.size(); ++p) {
      const auto result = wait(futures[p], stop, exchange);
      keep_counts(*exchange.record, result);
      for (const auto& sample : result.output.samples) {
        size_t offset = 0;
        choices.push_back({{"index", choices.size()},
                           {"text", sample.text},
                           {"logprobs", completion_logprobs(sample.logprobs, logprobs, piece_of, offset)},
                           {"finish_reason", finish_text(sample.finish, false)}});
      }
    }
    auto answer = object(std::move(choices));
    answer["usage"] = usage_json(exchange.record->prompt_tokens, exchange.record->reused_tokens, exchange.record->completion_tokens);
    exchange.reply(answer);
    return;
  }
  if (prompts.size() != 1) throw unsupported("prompt", "a stream is of one prompt");
  auto streaming = std::make_shared<Streaming>(options_.limits.unread_bytes);
  streaming->ticket = std::move(ticket);
  auto one = request->engine;
  one.prompt = std::move(prompts[0]);
  streaming->receive(one.generation);
  streaming->future = backend_.submit(std::move(one), streaming->stop.get_token());
  exchange.content_type = "text/event-stream";
  exchange.stream = [this, streaming, request, n, logprobs, object, piece_of, record = exchange.record](const Exchange::Write& write,
                                                                                                        const std::function<bool()>& gone) {
    const auto choice = [&](size_t index, const std::string& text, const Json& finish, const Json& probabilities) {
      return object(Json::array({{{"index", index}, {"text", text}, {"logprobs", probabilities}, {"finish_reason", finish}}}));
    };
    std::vector<LogprobsOut> out(n);
    const auto send = [&](const Piece& piece) {
      auto& its = out.at(piece.sample);
      its.add(piece);
      const auto probabilities = completion_logprobs(its.take(), logprobs, piece_of, its.offset);
      return write(event_text(choice(piece.sample, piece.text, {}, probabilities)));
    };
    const auto end = [&](const GenerationResult& result) {
      for (size_t i = 0; i < result.output.samples.size() && i < n; ++i) {
        const auto& sample = result.output.samples[i];
        const auto rest = completion_logprobs(out[i].rest(sample), logprobs, piece_of, out[i].offset);
        write(event_text(choice(i, "", finish_text(sample.finish, false), rest)));
      }
      if (request->stream.include_usage) {
        auto last = object(Json::array());
        last["usage"] = usage_json(result.output.prompt_tokens, result.output.reused_tokens, n_completion_tokens(result));
        write(event_text(last));
      }
      write("data: [DONE]\n\n");
    };
    serve_stream(*streaming, write, gone, *record, stop_all_.get_token(), send, end);
  };
}

void Api::embed(Exchange& exchange) {
  const auto ticket = enter(gate_);
  const auto request = read_embedding_request(parse_body(exchange.body), defaults(), backend_.model().n_embd);
  exchange.record->model = request.model;
  for (const auto& text : request.texts) exchange.record->prompt_tokens += backend_.tokenize(text).size();
  std::stop_source stop;
  auto future = backend_.embed(request.texts, stop.get_token());
  const auto vectors = wait(future, stop, exchange);
  Json data = Json::array();
  for (const auto& vector : vectors) {
    Json embedding;
    if (request.base64) {
      std::string bytes(vector.size() * sizeof(float), '\0');
      std::memcpy(bytes.data(), vector.data(), bytes.size());  // little-endian, as every machine we build for
      embedding = base64(bytes);
    } else {
      embedding = vector;
    }
    data.push_back({{"object", "embedding"}, {"index", data.size()}, {"embedding", std::move(embedding)}});
  }
  const size_t n = exchange.record->prompt_tokens;
  exchange.reply(
      {{"object", "list"}, {"data", std::move(data)}, {"model", request.model}, {"usage", {{"prompt_tokens", n}, {"total_tokens", n}}}});
}

}  // namespace aicoder::server
