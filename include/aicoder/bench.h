// bench: how fast is it here, beside llama.cpp's own tools in the same run?
//
//   auto result = aicoder::run_generate_bench({.model = "smollm2-135m.gguf"});
//   if (result.peer) print(result.peer->decode_ratio.median);   // ours / llama-bench, 1 is equal
//
// Times whole calls as a caller of model.h, of engine.h or of a server sees them, sampling and scheduling included. Says nothing about
// quality (eval.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {

struct GenerateBenchOptions {
  std::filesystem::path model;
  size_t prompt_tokens = 512;     ///< read at once; llama-bench's pp
  size_t generated_tokens = 128;  ///< one by one from an empty context; llama-bench's tg
  size_t rounds = 5;              ///< each measures ours, then the peer
  int n_threads = 0;              ///< 0: usable_cores(); the peer gets the same
  /// Beside the above, greedy answers with prompt lookup of at most so many tokens and without, in the same rounds. 0: not measured.
  size_t lookup_tokens = 0;
  bool with_peer = true;
  std::filesystem::path peer;  ///< llama-bench; empty: the newest that bench/peers/build.sh left in the cache
  ProgressFn progress;
  std::stop_token stop;
};

struct GenerateBenchRound {
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0;
  double peer_prefill_tokens_per_s = 0, peer_decode_tokens_per_s = 0;  ///< 0 without a peer
};
struct RatioSummary {
  double median = 0, min = 0, max = 0;  ///< over the rounds, of ours / peer
};
struct GenerateBenchPeer {
  std::vector<std::string> command;                          ///< as it was run each round
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0;  ///< medians
  RatioSummary prefill_ratio, decode_ratio;                  ///< of rounds, so that a load which comes and goes weighs on both sides
};
/// One task of the program's own, answered greedily with drafts and without.
struct LookupBench {
  std::string task;  ///< "edit": a function is to be written again with a change; "story": nothing repeats itself
  double tokens_per_s = 0, plain_tokens_per_s = 0;             ///< of the decoding, medians
  RatioSummary ratio;                                          ///< with / without, by round: above 1 is faster
  size_t tokens = 0, drafted_tokens = 0, accepted_tokens = 0;  ///< of one answer
  bool same_answer = false;                                    ///< where not, two tokens were closer than the noise of a batch
};
struct GenerateBench {
  std::string model;   ///< path
  std::string engine;  ///< engine_description()
  int n_threads = 0;
  size_t prompt_tokens = 0, generated_tokens = 0;
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0;  ///< medians
  std::vector<GenerateBenchRound> rounds;
  std::optional<GenerateBenchPeer> peer;
  std::string peer_missing;  ///< why there is no peer though one was wanted, and how to get one; else empty
  std::vector<LookupBench> lookup;
};

/// One warm-up of each test, then the rounds, ours and the peer in turn with the same threads, batch (512), model and cache types.
/// \throws Error kInvalidArgument (0 tokens or rounds), kNotFound (model, or a peer that was named), kInternal (the peer failed or
/// printed something else), kCancelled, and as Model::load and Context.
GenerateBench run_generate_bench(const GenerateBenchOptions& options);

struct TrainBenchOptions {
  std::filesystem::path model;
  size_t n_ctx = 512;  ///< tokens of a pass, all of them trained on
  size_t rank = 16;
  size_t rounds = 3;  ///< each measures prefill, then training
  size_t steps = 2;   ///< of training a round, one pass each; the first warms up and does not count
  int n_threads = 0;  ///< 0: usable_cores()
  bool full_recompute = false;
  ProgressFn progress;
  std::stop_token stop;
};
struct TrainBenchRound {
  double prefill_tokens_per_s = 0, train_tokens_per_s = 0;
};
struct TrainBench {
  std::string model, engine;
  int n_threads = 0;
  size_t n_ctx = 0, rank = 0;
  double prefill_tokens_per_s = 0, train_tokens_per_s = 0;  ///< medians
  RatioSummary share;                                       ///< training / prefill, by round
  size_t peak_bytes = 0;                                    ///< of the process, both engines
  double engine_loss = 0, train_loss = 0;                   ///< of one text, by inference and by the first pass of training
  std::vector<TrainBenchRound> rounds;
};
/// Training (forward, backward, optimizer) as a share of this machine's own prefill of the same number of tokens, in turn.
/// \throws Error kInvalidArgument (sizes), kInternal (training does not find the loss that inference finds, to 3 %), kCancelled, and as
/// train_lora.
TrainBench run_train_bench(const TrainBenchOptions& options);

// ---- switching fragments -----------------------------------------------------------------------------------------------

/// The middle of repeated measurements and the 95 % bootstrap interval of that middle (percentiles of 2,000 resamples, fixed seed).
struct Interval {
  double median = 0, low = 0, high = 0;
};
struct Quantiles {
  double p50 = 0, p99 = 0;
  size_t n = 0;
};

struct SwitchBenchOptions {
  std::filesystem::path model;
  /// At most two files, used at strength 1; those that are missing are made for the run: rank 16 on every linear layer, random, F16.
  std::vector<std::filesystem::path> fragments;
  size_t context_tokens = 2048;  ///< of the prefix that all share
  size_t generated_tokens = 32;  ///< of each measurement of decoding
  size_t rounds = 50;            ///< each gives two of every time to first token; decoding and entries take a fifth as many
  int n_threads = 0;             ///< 0: usable_cores()
  std::filesystem::path raw;     ///< every single measurement, one JSON object a line; empty: none
  ProgressFn progress;
  std::stop_token stop;
};
/// First entries into a lane made for them, of `wanted` tokens that the base has at the beginning of `source` tokens.
struct LaneEntry {
  size_t wanted = 0, source = 0;
  Interval copy_ms;       ///< of the KV
  double ms_per_250 = 0;  ///< of the median
  Interval make_ms;       ///< the fragment's file read and its lane made
  size_t reread = 0;      ///< tokens of the prefix that had to be read after all, in all entries: 0 is what should be
};
/// One turn over the same context: the fragments act from its end on.
struct RoleTurn {
  std::string role;
  size_t prompt_tokens = 0, after_invocation = 0;  ///< of the prompt; of those, after the shared context
  size_t reprefilled_tokens = 0;                   ///< read, not found
  size_t context_reread = 0;                       ///< of those, of the context: 0 is what should be
  double first_token_ms = 0;
};
struct SwitchBench {
  std::string model, engine;
  int n_threads = 0;
  size_t context_tokens = 0;
  std::vector<std::string> fragments;  ///< paths, or "made: rank 16"
  /// Milliseconds to the first token of a request whose whole prompt is there (one token is read), in the lane that answered last and in
  /// the other one; and the differences change - stay of the same round.
  Quantiles stay_ms, change_ms;
  Interval difference_ms;
  double p50_ms = 0, p99_ms = 0;  ///< change_ms - stay_ms at these quantiles
  std::vector<LaneEntry> entries;
  double copy_ms = 0;  ///< median of the entry that takes the whole context
  std::vector<RoleTurn> turns;
  size_t reprefilled_tokens = 0;  ///< of all turns
  uint64_t bytes_per_lane = 0, bytes_per_fragment = 0, fragment_file_bytes = 0;
  int64_t resident_bytes_added = 0, resident_bytes_left = 0;  ///< of the process: by a fragment and its lane; after both are gone
  Interval one_lane_ms, two_lanes_ms, alternating_ratio;      ///< a token; two lanes in turn / one lane, by round
  Interval base_ms, fragment_ratio;                           ///< a token without; with / without a fragment, by round (1.1: 10 % slower)
  bool identical = false;  ///< A/B/A/B/base, greedy, deterministic: each answer is that of an engine that was asked nothing else
};
/// What a fragment costs in stock llama.cpp is in run_serve_bench: its small tools load no adapters.
/// \throws Error kInvalidArgument (sizes, more than two fragments), kNotFound, kCancelled, and as Model::load, Adapter::load and Engine.
SwitchBench run_switch_bench(const SwitchBenchOptions& options);

// ---- the server ----------------------------------------------------------------------------------------------------------

/// What clients do at once. All answers are streamed and greedy, prompts are never twice the same beyond the shared history.
struct ServeScenario {
  std::string name;
  size_t streams = 1;
  size_t fragments = 1;            ///< fixed: stream i has fragment i mod this; changing: they go round. 0: the base
  bool change_every_turn = false;  ///< each turn of a stream has the next fragment, over the shared history
  size_t history_tokens = 0;       ///< shared system message, about so many tokens; the fragments act after it
  size_t turns = 2;                ///< requests of a stream, one after the other
  size_t generated_tokens = 64;    ///< of each, at most
};
/// base-1, one-1, one-4, one-16, four-of-8, change-every-turn, switch-2k: those of the design.
std::vector<ServeScenario> serve_scenarios();

struct ServeBenchOptions {
  std::filesystem::path model;
  std::filesystem::path program;                 ///< aicoder, which is started as `serve`
  std::vector<std::filesystem::path> fragments;  ///< at most four; those that are missing are made as for run_switch_bench
  std::vector<ServeScenario> scenarios;
  size_t rounds = 3;  ///< each runs every scenario on both sides, the order of the sides changing
  int n_threads = 0;  ///< of both servers; 0: usable_cores()
  bool with_peer = true;
  /// llama-server (a path), or the URL of any OpenAI endpoint (http://HOST:PORT/v1). Empty: the newest llama-server in the cache.
  std::string peer;
  /// Of a peer given by URL: the `model` of its requests, one for each fragment or one for all; empty: the first that it lists. A
  /// llama-server is recognized by what it says of itself and gets "lora" scales.
  std::vector<std::string> peer_models;
  std::string peer_token;                    ///< bearer token of a peer given by URL
  std::vector<std::string> serve_arguments;  ///< more of `aicoder serve`
  std::filesystem::path raw;
  ProgressFn progress;
  std::stop_token stop;
};
struct ServeSide {
  double tokens_per_s = 0;          ///< median of the rounds: answers' tokens of all streams over the time of the round
  Quantiles first_token_ms;         ///< of all requests of all rounds
  double token_ms = 0;              ///< median of the requests: from the first token to the last, for each after the first
  double slowest_stream_share = 0;  ///< least / most tokens a second of a stream, the worst round: 1 is fair, near 0 is starved
  size_t requests = 0, tokens = 0, reused_tokens = 0, prompt_tokens = 0;
};
struct ServeRow {
  ServeScenario scenario;
  ServeSide ours;
  std::optional<ServeSide> peer;
  std::optional<RatioSummary> throughput_ratio;   ///< ours / peer by round: above 1 is faster
  std::optional<RatioSummary> first_token_ratio;  ///< peer / ours of the rounds' medians: above 1 is faster
};
struct ServeBench {
  std::string model, engine;
  int n_threads = 0;
  std::vector<std::string> command, peer_command;  ///< as started; the URL of a peer that was given
  std::string peer_missing;
  std::vector<ServeRow> rows;
};
/// Starts the servers on free ports of 127.0.0.1 and ends them. One request a server and fragment goes ahead, unmeasured.
/// \throws Error kInvalidArgument (sizes, more than four fragments), kNotFound (a file or peer that was named), kUnavailable (a server
/// that does not start or answer; with what it said), kInternal (an answer that is none), kCancelled.
ServeBench run_serve_bench(const ServeBenchOptions& options);

/// The newest `name` (llama-bench, llama-server, ...) below the cache that bench/peers/build.sh fills; nullopt when there is none.
std::optional<std::filesystem::path> find_peer(const std::string& name);

}  // namespace aicoder
