// bench: how fast is it here, beside llama.cpp's own tools in the same run?
//
//   auto result = aicoder::run_generate_bench({.model = "smollm2-135m.gguf"});
//   if (result.peer) print(result.peer->decode_ratio.median);   // ours / llama-bench, 1 is equal
//
// Times whole calls as a caller of model.h sees them, sampling and scheduling included. Says nothing about quality (eval.h).
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
struct GenerateBench {
  std::string model;   ///< path
  std::string engine;  ///< engine_description()
  int n_threads = 0;
  size_t prompt_tokens = 0, generated_tokens = 0;
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0;  ///< medians
  std::vector<GenerateBenchRound> rounds;
  std::optional<GenerateBenchPeer> peer;
  std::string peer_missing;  ///< why there is no peer though one was wanted, and how to get one; else empty
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

/// The newest `name` (llama-bench, llama-server, ...) below the cache that bench/peers/build.sh fills; nullopt when there is none.
std::optional<std::filesystem::path> find_peer(const std::string& name);

}  // namespace aicoder
