// engine: a model that stays running. Requests come from many threads and join the decoding at any time; one thread owns the lanes
// (one context per active fragment set over one set of weights) and gives each its turn.
//
// A request waits until its lane has a free sequence, interactive ones first. Lanes with interactive requests get one decode each in
// turn, lanes of batch requests alone a quarter of that. A prompt begins with the longest prefix that any lane has read alike:
// the same tokens, the same fragment set with strengths, active from the same position; what is before that position is the base's.
//
//   aicoder::Engine engine(model, {}, resolve_fragment);
//   auto answer = engine.submit({.generation = {.messages = {{"user", "Hi"}}, .fragments = {{"coder"}}}});
//   fmt::print("{}\n", answer.get().output.samples[0].text);
//
// Does not speak HTTP (server.h) and does not choose fragments (agent.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder {

struct EngineOptions {
  LaneOptions lanes;
  size_t max_queued = 64;  ///< requests that wait for a sequence; one more is refused (back-pressure)
  /// Tokens of prompts one decode reads beside the tokens of answers: a long prompt does not stop what others are being told.
  /// In a deterministic context the fixed size of its chunks. 0: as many as lanes.context.n_batch.
  size_t prefill_chunk = 256;
};

enum class Priority : uint8_t { kInteractive, kBatch };  ///< a batch request waits while interactive ones can use the sequence

struct EngineRequest {
  GenerationRequest generation;
  std::vector<Token> prompt;  ///< in place of generation.messages and .assistant_prefix: read as it is
  /// The first message that the fragments see as such; those before are read by the base alone and shared by every fragment set
  /// (activated LoRA, arXiv 2504.12397). 0: active from the first token. Beyond the last message: from the answer on. With `prompt`: a
  /// token position. None: what the fragments' own files say (FragmentSettings::invocation), the latest of them; with `prompt`, where a
  /// message has no position, that is 0 or from the answer on. The last token of a prompt is always the fragments'.
  std::optional<size_t> active_from;
  Priority priority = Priority::kInteractive;
  std::optional<std::chrono::steady_clock::time_point> deadline;  ///< ends with what is there, finish kCancelled
};

struct EngineStats {
  size_t queued = 0, running = 0;                                       ///< requests, now
  uint64_t requests = 0, refused = 0, cancelled = 0;                    ///< since the start
  uint64_t prompt_tokens = 0, reused_tokens = 0, generated_tokens = 0;  ///< of requests that ended
  uint64_t copied_tokens = 0;                                           ///< of those reused: copied from another sequence or lane
  double copy_ms = 0;
  uint64_t drafted_tokens = 0, accepted_tokens = 0;  ///< of prompt lookup, of requests that ended
  double prefill_seconds = 0, decode_seconds = 0;    ///< of decodes with and without a piece of a prompt
  size_t lanes = 0;
  uint64_t lane_bytes = 0;      ///< KV and compute buffers, the embedding context's too
  uint64_t fragment_bytes = 0;  ///< of every adapter in memory, also of one unloaded that a request still uses
};
struct LoadedFragment {
  std::string name;
  std::filesystem::path path;
  float strength = 1;  ///< the file's own
  uint64_t bytes = 0;  ///< of its weights in memory
  FragmentSettings settings;
  size_t lanes = 0;     ///< lanes that hold it
  size_t requests = 0;  ///< running or waiting with it
};

/// Thread-safe. The destructor stops what runs (finish kCancelled) and joins the thread.
class Engine {
 public:
  using Resolve = LocalGenerator::Resolve;  ///< called on the threads of submit, load_fragment and unload_fragment: thread-safe
  /// \throws Error kInvalidArgument (no model, sizes); the lanes' sizes are checked when the first is made.
  Engine(std::shared_ptr<const Model> model, const EngineOptions& options, Resolve resolve);
  ~Engine();

  /// Checks the request, then queues it. Callbacks run on the engine's thread and must not block: they hold up every answer.
  /// \throws Error kInvalidArgument (bad grammar, sizes), kNotFound (fragment), kResourceExhausted (queue full), kFailedPrecondition
  /// (draining), ContextOverflow. What goes wrong later is in the future.
  std::future<GenerationResult> submit(EngineRequest request, std::stop_token stop = {});
  /// Of the base. Mean of the last layer's outputs over each text's tokens, scaled to length 1; [texts.size()][n_embd].
  /// \throws as submit; kInvalidArgument for an empty text. A stop puts Error(kCancelled) into the future.
  std::future<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, std::stop_token stop = {});
  size_t count_tokens(std::span<const ChatMessage> messages) const;

  /// Reads the file now, so that its first request need not. \throws Error of Adapter::load.
  LoadedFragment load_fragment(std::string_view name);
  /// Frees its weights and lanes when the requests that use it are through, before it returns where there are none; new requests
  /// load it again. False: it was not loaded.
  bool unload_fragment(std::string_view name);
  std::vector<LoadedFragment> fragments() const;
  EngineStats stats() const;

  /// Refuses new requests and waits for those that are in. True: all ended before `limit`.
  bool drain(std::chrono::milliseconds limit);

  /// This engine as the agent and eval see one; each may be used by one thread at a time. Must not outlive the engine. Callbacks run on
  /// the thread that called generate() and may block; a sample that its receiver stops may have a few tokens more by then. Keeps few
  /// requests in the engine at once, so that a long span of them is not refused for a full queue.
  std::unique_ptr<TextGenerator> generator(Priority priority = Priority::kInteractive);
  const Model& model() const noexcept;
  size_t n_ctx_seq() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aicoder
