#include <chrono>
#include <random>

#include "aicoder/bench.h"
#include "aicoder/model.h"
#include "bench/lookup_bench.h"
#include "bench/peer.h"
#include "bench/statistics.h"

namespace aicoder {

namespace {

using Clock = std::chrono::steady_clock;

/// Our side of the comparison.
class Ours {
 public:
  Ours(const GenerateBenchOptions& options, int n_threads)
      : options_(options),
        model_(Model::load(options.model, {.progress = options.progress, .stop = options.stop})),
        context_(model_, {.n_ctx_seq = std::max(options.prompt_tokens, options.generated_tokens) + 2,
                          .n_seq_max = 1,
                          .n_batch = kBenchBatch,
                          .n_threads = n_threads}) {
    // Any tokens cost the same to read; these are the same in each run. Not the first ones: they are control tokens.
    std::mt19937 random(20260101);
    std::uniform_int_distribution<Token> token(static_cast<Token>(model_->n_vocab() / 8), static_cast<Token>(model_->n_vocab() / 2));
    for (size_t i = 0; i < options.prompt_tokens; ++i) prompt_.push_back(token(random));
    first_.push_back(token(random));
    warm_up(random, token);
  }

  // Before each measurement an unmeasured one, as llama-bench does: the peer's process ran in between, and the other measurement left
  // buffers of another shape.
  double prefill_tokens_per_s() {
    context_.clear();
    (void)generate(prompt_, 1);
    context_.clear();
    const auto start = Clock::now();
    (void)generate(prompt_, 1);
    return static_cast<double>(prompt_.size()) / seconds_since(start);
  }

  const std::shared_ptr<const Model>& model() const noexcept { return model_; }

  double decode_tokens_per_s() {
    context_.clear();
    (void)generate(first_, 1);
    context_.clear();
    const auto start = Clock::now();
    const GenerateSample sample = generate(first_, options_.generated_tokens);
    return static_cast<double>(n_decodes(sample)) / seconds_since(start);
  }

 private:
  static double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
  /// The prompt's one token and each generated one but the last; an end token takes a decode too.
  static size_t n_decodes(const GenerateSample& sample) { return sample.tokens.size() + (sample.finish == FinishReason::kStop ? 1 : 0); }

  GenerateSample generate(const std::vector<Token>& prompt, size_t max_tokens) {
    GenerateResult result = context_.generate({.prompt = prompt, .max_tokens = max_tokens}, options_.stop);
    throw_if_stopped(options_.stop);
    return std::move(result.samples[0]);
  }

  /// Reads weights and buffers in, and finds a first token after which the model does not end early.
  void warm_up(std::mt19937& random, std::uniform_int_distribution<Token>& token) {
    (void)generate(prompt_, 1);
    for (int attempt = 0; attempt < 20; ++attempt) {
      context_.clear();
      if (n_decodes(generate(first_, options_.generated_tokens)) == options_.generated_tokens) return;
      first_[0] = token(random);
    }
    log(LogLevel::kWarn, "[bench] the model ends its text early whatever it begins with; decode speed is over fewer tokens");
  }

  const GenerateBenchOptions& options_;
  std::shared_ptr<const Model> model_;
  Context context_;
  std::vector<Token> prompt_, first_;
};

PeerSpeeds run_peer(const std::vector<std::string>& command, const std::stop_token& stop) {
  const HostProcessResult result = run_host_process({.argv = command}, stop);
  if (result.exit_code != 0) {
    throw Error(
        ErrorCode::kInternal,
        "[bench] " + command[0] + " ended with " + std::to_string(result.exit_code) + ": " + to_valid_utf8(result.err).substr(0, 500),
        "bench/peers/build.sh llama-bench");
  }
  return parse_peer_output(result.out);
}

std::filesystem::path choose_peer(const GenerateBenchOptions& options, std::string& missing) {
  if (!options.with_peer) return {};
  if (!options.peer.empty()) {
    if (!std::filesystem::exists(options.peer)) {
      throw Error(ErrorCode::kNotFound, "[bench] no peer at " + options.peer.string(), "bench/peers/build.sh llama-bench");
    }
    return options.peer;
  }
  if (auto found = find_peer("llama-bench")) return *found;
  missing = "llama-bench is not built; bench/peers/build.sh builds it";
  return {};
}

}  // namespace

GenerateBench run_generate_bench(const GenerateBenchOptions& options) {
  if (options.prompt_tokens == 0 || options.generated_tokens == 0 || options.rounds == 0) {
    throw Error(ErrorCode::kInvalidArgument, "[bench] prompt_tokens, generated_tokens and rounds must be at least 1");
  }
  GenerateBench result;
  const std::filesystem::path peer = choose_peer(options, result.peer_missing);
  result.model = options.model.string();
  result.engine = engine_description();
  result.n_threads = options.n_threads > 0 ? options.n_threads : usable_cores();
  result.prompt_tokens = options.prompt_tokens;
  result.generated_tokens = options.generated_tokens;

  Ours ours(options, result.n_threads);
  std::optional<LookupMeasurement> lookup;
  if (options.lookup_tokens > 0) lookup.emplace(ours.model(), options, result.n_threads);
  std::vector<double> prefill, decode, peer_prefill, peer_decode;
  const std::vector<std::string> command = peer.empty() ? std::vector<std::string>{} : peer_command(peer, options, result.n_threads);
  for (size_t i = 0; i < options.rounds; ++i) {
    throw_if_stopped(options.stop);
    GenerateBenchRound round;
    prefill.push_back(round.prefill_tokens_per_s = ours.prefill_tokens_per_s());
    decode.push_back(round.decode_tokens_per_s = ours.decode_tokens_per_s());
    if (!command.empty()) {
      const PeerSpeeds speeds = run_peer(command, options.stop);
      peer_prefill.push_back(round.peer_prefill_tokens_per_s = speeds.prefill_tokens_per_s);
      peer_decode.push_back(round.peer_decode_tokens_per_s = speeds.decode_tokens_per_s);
    }
    if (lookup) lookup->run_round();
    result.rounds.push_back(round);
    if (options.progress) {
      options.progress(
          {.stage = "bench generate", .done = static_cast<double>(i + 1), .total = static_cast<double>(options.rounds), .unit = "rounds"});
    }
  }
  if (lookup) result.lookup = lookup->results();
  result.prefill_tokens_per_s = median(prefill);
  result.decode_tokens_per_s = median(decode);
  if (!command.empty()) {
    result.peer = GenerateBenchPeer{.command = command,
                                    .prefill_tokens_per_s = median(peer_prefill),
                                    .decode_tokens_per_s = median(peer_decode),
                                    .prefill_ratio = summarize_ratios(prefill, peer_prefill),
                                    .decode_ratio = summarize_ratios(decode, peer_decode)};
  }
  return result;
}

}  // namespace aicoder
