#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <random>

#include "aicoder/bench.h"
#include "aicoder/train.h"
#include "bench/statistics.h"

namespace aicoder {
namespace {

/// Words of two to nine random letters.
std::string words(size_t n) {
  std::mt19937 random(1);
  std::string text;
  for (size_t i = 0; i < n; ++i) {
    for (size_t letters = 2 + random() % 8; letters > 0; --letters) text += static_cast<char>('a' + random() % 26);
    text += ' ';
  }
  return text;
}

/// A folder of its own, gone with its content at scope end.
class ScratchDir {
 public:
  ScratchDir() : path_(std::filesystem::temp_directory_path() / ("aicoder-bench-train-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

class Prefill {
 public:
  Prefill(const TrainBenchOptions& options, int n_threads, std::span<const Token> tokens)
      : context_(Model::load(options.model, {.stop = options.stop}), {.n_ctx_seq = options.n_ctx + 8, .n_threads = n_threads}),
        tokens_(tokens.begin(), tokens.end()) {}
  double tokens_per_s(const std::stop_token& stop) {
    context_.clear();
    const auto started = std::chrono::steady_clock::now();
    context_.read(tokens_, stop);
    return static_cast<double>(tokens_.size()) / std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  }
  double mean_loss(const std::stop_token& stop) {
    const LogLikelihood sum = context_.log_likelihood(tokens_, 1, stop);
    return sum.nll / static_cast<double>(sum.tokens);
  }

 private:
  Context context_;
  std::vector<Token> tokens_;
};

}  // namespace

TrainBench run_train_bench(const TrainBenchOptions& options) {
  if (options.n_ctx < 32 || options.rounds == 0 || options.steps < 2) {
    throw Error(ErrorCode::kInvalidArgument, "[bench] at least 32 tokens a pass, 1 round and 2 steps");
  }
  TrainBench result{.model = options.model.string(), .engine = engine_description(), .n_ctx = options.n_ctx, .rank = options.rank};
  result.n_threads = options.n_threads > 0 ? options.n_threads : usable_cores();
  const auto model = Model::load(options.model, {.repack = false, .stop = options.stop});
  // One window, read by every step of every round: the first loss of training and that of inference are of the same tokens.
  std::string text = words(options.n_ctx);
  std::vector<Token> tokens = model->tokenize(text, {.add_special = true});
  while (tokens.size() > options.n_ctx) {
    text.resize(text.find_last_of(' ', text.size() - 2) + 1);
    tokens = model->tokenize(text, {.add_special = true});
  }

  Prefill prefill(options, result.n_threads, tokens);
  (void)prefill.tokens_per_s(options.stop);  // reads the weights in
  result.engine_loss = prefill.mean_loss(options.stop);
  const ScratchDir scratch;
  TrainOptions training{.name = "bench", .rank = options.rank, .target = {{.name = "bench", .records = {{.text = text, .messages = {}}}}}};
  training.n_ctx = options.n_ctx;
  training.batch = 1;
  training.epochs = static_cast<double>(options.steps);
  training.max_steps = options.steps;
  training.checkpoint_every = 0;
  training.n_threads = result.n_threads;
  training.full_recompute = options.full_recompute;
  training.force = true;
  training.stop = options.stop;
  std::vector<double> read, trained;
  for (size_t i = 0; i < options.rounds; ++i) {
    TrainBenchRound round;
    round.prefill_tokens_per_s = prefill.tokens_per_s(options.stop);
    const TrainResult one = train_lora(model, training, scratch.path() / "bench.gguf");
    result.train_loss = one.first_loss;
    if (std::abs(one.first_loss - result.engine_loss) > 0.03 * result.engine_loss) {
      throw Error(ErrorCode::kInternal, "[bench] training finds a loss of " + std::to_string(one.first_loss) + ", inference one of " +
                                            std::to_string(result.engine_loss) + ": its speed says nothing");
    }
    std::vector<double> steps;
    for (size_t step = 1; step < one.curve.size(); ++step) steps.push_back(one.curve[step].tokens_per_s);
    round.train_tokens_per_s = median(steps);
    read.push_back(round.prefill_tokens_per_s);
    trained.push_back(round.train_tokens_per_s);
    result.rounds.push_back(round);
    if (options.progress) {
      options.progress(
          {.stage = "bench train", .done = static_cast<double>(i + 1), .total = static_cast<double>(options.rounds), .unit = "rounds"});
    }
  }
  result.prefill_tokens_per_s = median(read);
  result.train_tokens_per_s = median(trained);
  result.share = summarize_ratios(trained, read);
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) result.peak_bytes = static_cast<size_t>(usage.ru_maxrss) << 10;
  return result;
}

}  // namespace aicoder
