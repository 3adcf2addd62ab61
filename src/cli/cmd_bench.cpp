// bench generate, train, retrieve and sandbox, and which others there are.
#include <fmt/format.h>

#include "aicoder/bench.h"
#include "aicoder/bench/retrieve.h"
#include "aicoder/bench/sandbox.h"
#include "aicoder/rag.h"
#include "cli/cmd_bench_serve.h"
#include "cli/cmd_bench_switch.h"
#include "cli/runtime.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  GenerateBenchOptions options;
  std::string peer;
  bool no_peer = false;
};

Json to_json(const RatioSummary& ratio) { return {{"median", ratio.median}, {"min", ratio.min}, {"max", ratio.max}}; }

int run(Runtime& runtime, const Args& args) {
  GenerateBenchOptions options = args.options;
  options.model = ModelStore().resolve(args.engine.model);
  options.n_threads = args.engine.n_threads;
  options.peer = args.peer;
  options.with_peer = !args.no_peer;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  const auto result = run_generate_bench(options);
  Json rounds = Json::array();
  for (const auto& round : result.rounds) {
    rounds.push_back({{"prefill_tokens_per_s", round.prefill_tokens_per_s},
                      {"decode_tokens_per_s", round.decode_tokens_per_s},
                      {"peer_prefill_tokens_per_s", round.peer_prefill_tokens_per_s},
                      {"peer_decode_tokens_per_s", round.peer_decode_tokens_per_s}});
  }
  Json json = {{"model", result.model},
               {"engine", result.engine},
               {"threads", result.n_threads},
               {"prompt_tokens", result.prompt_tokens},
               {"generated_tokens", result.generated_tokens},
               {"prefill_tokens_per_s", result.prefill_tokens_per_s},
               {"decode_tokens_per_s", result.decode_tokens_per_s},
               {"rounds", rounds},
               {"peer", nullptr}};
  std::string text = fmt::format("{} threads, medians of {} rounds, tokens/s   prefill {:.1f}   decode {:.2f}\n", result.n_threads,
                                 result.rounds.size(), result.prefill_tokens_per_s, result.decode_tokens_per_s);
  if (result.peer) {
    const auto& peer = *result.peer;
    json["peer"] = {{"command", peer.command},
                    {"prefill_tokens_per_s", peer.prefill_tokens_per_s},
                    {"decode_tokens_per_s", peer.decode_tokens_per_s},
                    {"prefill_ratio", to_json(peer.prefill_ratio)},
                    {"decode_ratio", to_json(peer.decode_ratio)}};
    text += fmt::format("llama-bench, interleaved              prefill {:.1f}   decode {:.2f}\n", peer.prefill_tokens_per_s,
                        peer.decode_tokens_per_s);
    text += fmt::format("ours / llama-bench, by round          prefill {:.3f} ({:.3f} to {:.3f})   decode {:.3f} ({:.3f} to {:.3f})\n",
                        peer.prefill_ratio.median, peer.prefill_ratio.min, peer.prefill_ratio.max, peer.decode_ratio.median,
                        peer.decode_ratio.min, peer.decode_ratio.max);
  } else if (!result.peer_missing.empty()) {
    json["peer_missing"] = result.peer_missing;
    text += result.peer_missing + "\n";
  }
  if (!result.lookup.empty()) json["lookup"] = Json::array();
  for (const auto& task : result.lookup) {
    json["lookup"].push_back({{"task", task.task},
                              {"tokens_per_s", task.tokens_per_s},
                              {"plain_tokens_per_s", task.plain_tokens_per_s},
                              {"ratio", to_json(task.ratio)},
                              {"tokens", task.tokens},
                              {"drafted_tokens", task.drafted_tokens},
                              {"accepted_tokens", task.accepted_tokens},
                              {"same_answer", task.same_answer}});
    text += fmt::format(
        "prompt lookup, {:<6} {:>7.2f} tokens/s, without {:>7.2f}; ratio {:.3f} ({:.3f} to {:.3f}); {} of {} drafted tokens right\n",
        task.task, task.tokens_per_s, task.plain_tokens_per_s, task.ratio.median, task.ratio.min, task.ratio.max, task.accepted_tokens,
        task.drafted_tokens);
  }
  return runtime.finish(json, text);
}

int run_train(Runtime& runtime, const EngineArgs& engine, TrainBenchOptions options) {
  options.model = ModelStore().resolve(engine.model);
  options.n_threads = engine.n_threads;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  const auto result = run_train_bench(options);
  Json rounds = Json::array();
  for (const auto& round : result.rounds) {
    rounds.push_back({{"prefill_tokens_per_s", round.prefill_tokens_per_s}, {"train_tokens_per_s", round.train_tokens_per_s}});
  }
  const Json json = {{"model", result.model},
                     {"engine", result.engine},
                     {"threads", result.n_threads},
                     {"context", result.n_ctx},
                     {"rank", result.rank},
                     {"prefill_tokens_per_s", result.prefill_tokens_per_s},
                     {"tokens_per_s", result.train_tokens_per_s},
                     {"share_of_prefill", to_json(result.share)},
                     {"peak_bytes", result.peak_bytes},
                     {"engine_loss", result.engine_loss},
                     {"train_loss", result.train_loss},
                     {"rounds", rounds}};
  return runtime.finish(
      json, fmt::format(
                "{} threads, {} tokens a pass, rank {}, medians of {} rounds, tokens/s\n  prefill {:.1f}   training {:.1f}   share {:.3f} "
                "({:.3f} to {:.3f})   peak {}",
                result.n_threads, result.n_ctx, result.rank, result.rounds.size(), result.prefill_tokens_per_s, result.train_tokens_per_s,
                result.share.median, result.share.min, result.share.max, human_bytes(static_cast<double>(result.peak_bytes))));
}

void add_bench_train(CLI::App& bench, Runtime& runtime) {
  struct TrainArgs {
    EngineArgs engine;
    TrainBenchOptions options;
    std::string recompute = "cheap";
  };
  const auto args = std::make_shared<TrainArgs>();
  auto* train = bench.add_subcommand("train", "Training speed as a share of this machine's prefill, in turn");
  add_model_option(*train, args->engine, runtime);
  train->remove_option(train->get_option("--gpu-layers"));
  train->add_option("--context", args->options.n_ctx, "Tokens of a pass")->check(CLI::Range(32, 1 << 16))->capture_default_str();
  train->add_option("--rank", args->options.rank, "Of the factors")->check(CLI::Range(1, 4096))->capture_default_str();
  train->add_option("--rounds", args->options.rounds, "Prefill and training in turn, so many times")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  train->add_option("--steps", args->options.steps, "Of training a round; the first does not count")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  train->add_option("--recompute", args->recompute, "cheap or full")->check(CLI::IsMember({"cheap", "full"}))->capture_default_str();
  train->callback([=, &runtime] {
    args->options.full_recompute = args->recompute == "full";
    runtime.action = [=, &runtime] { return run_train(runtime, args->engine, args->options); };
  });
}

int run_boxes(Runtime& runtime, SandboxBenchOptions options) {
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  const auto result = run_sandbox_bench(options);
  const Json json = {{"runs", result.runs},
                     {"bare_ms", result.bare_ms},
                     {"box_ms", result.box_ms},
                     {"overhead_ms", result.overhead_ms},
                     {"overhead_p95_ms", result.overhead_p95_ms},
                     {"bare_cpu_ms", result.bare_cpu_ms},
                     {"box_cpu_ms", result.box_cpu_ms},
                     {"load", result.load},
                     {"left", Json{{"processes", result.left_processes},
                                   {"mounts", result.left_mounts},
                                   {"descriptors", result.left_descriptors},
                                   {"files", result.left_files}}},
                     {"clean", result.clean()}};
  const std::string text = fmt::format(
      "/bin/true, medians of {} runs in turn   bare {:.2f} ms   box {:.2f} ms   overhead {:.2f} ms (95 %: {:.2f})\n"
      "CPU time of it                          bare {:.2f} ms   box {:.2f} ms   load of the machine {:.1f}\n"
      "left behind                             {} processes, {} mounts, {} descriptors, {} files\n",
      result.runs, result.bare_ms, result.box_ms, result.overhead_ms, result.overhead_p95_ms, result.bare_cpu_ms, result.box_cpu_ms,
      result.load, result.left_processes, result.left_mounts, result.left_descriptors, result.left_files);
  return runtime.finish(json, text, result.clean() ? kExitOk : kExitFailed);
}

struct RetrieveArgs {
  EngineArgs engine;
  std::vector<std::string> sources;
  RetrieveBenchOptions options;
};

/// A folder of its own, removed with what is in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aicoder-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw Error(ErrorCode::kPermissionDenied,
                  "[bench retrieve] cannot make a folder in " + std::filesystem::temp_directory_path().string(),
                  "TMPDIR=/var/tmp aicoder bench retrieve");
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

int run_retrieve(Runtime& runtime, const RetrieveArgs& args) {
  RetrieveBenchOptions options = args.options;
  options.sources.assign(args.sources.begin(), args.sources.end());
  const ScratchFolder scratch;
  options.scratch = scratch.path();
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  std::unique_ptr<Embedder> embedder;
  if (!args.engine.model.empty()) embedder = make_model_embedder(load_model(runtime, args.engine), args.engine.n_threads);
  options.embedder = embedder.get();
  const auto result = run_retrieve_bench(options);
  Json quality = Json::array(), speed = Json::array();
  std::string text = fmt::format("{} docstrings and their functions\n", result.pairs);
  for (const auto& q : result.quality) {
    quality.push_back({{"mode", q.mode},
                       {"recall_at_1", q.recall_at_1},
                       {"recall_at_5", q.recall_at_5},
                       {"recall_at_10", q.recall_at_10},
                       {"mrr", q.mrr}});
    text += fmt::format("{:<8} recall@1 {:.3f}   @5 {:.3f}   @10 {:.3f}   MRR {:.3f}\n", q.mode, q.recall_at_1, q.recall_at_5,
                        q.recall_at_10, q.mrr);
  }
  for (const auto& s : result.speed) {
    speed.push_back({{"chunks", s.chunks}, {"words_queries_per_s", s.words_queries_per_s}, {"fused_queries_per_s", s.fused_queries_per_s}});
    text += fmt::format("{:>7} chunks   words {:.1f} queries/s   with 384-dimensional vectors {:.1f} queries/s\n", s.chunks,
                        s.words_queries_per_s, s.fused_queries_per_s);
  }
  return runtime.finish({{"pairs", result.pairs}, {"embedder", result.embedder}, {"quality", quality}, {"speed", speed}}, text);
}

}  // namespace

void add_bench(CLI::App& app, Runtime& runtime) {
  auto* bench = app.add_subcommand("bench", "Measure this machine, against llama.cpp's own tools in the same run");
  bench->require_subcommand(1);
  const auto args = std::make_shared<Args>();
  auto* generate = bench->add_subcommand("generate", "Prefill and decode speed, interleaved with llama-bench");
  add_model_option(*generate, args->engine, runtime);
  generate->remove_option(generate->get_option("--gpu-layers"));
  generate->add_option("--prompt", args->options.prompt_tokens, "Tokens read at once")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  generate->add_option("--generate", args->options.generated_tokens, "Tokens made one by one")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  generate->add_option("--rounds", args->options.rounds, "Ours and the peer in turn, so many times")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  generate->add_option("--peer", args->peer, "Path of llama-bench; default: what bench/peers/build.sh made");
  generate->add_flag("--no-peer", args->no_peer, "Only ours");
  generate->add_option("--lookup", args->options.lookup_tokens, "Answers with prompt lookup of so many tokens too, beside the same without")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  generate->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });

  add_bench_switch(*bench, runtime);
  add_bench_serve(*bench, runtime);
  add_bench_train(*bench, runtime);

  const auto boxes = std::make_shared<SandboxBenchOptions>();
  auto* sandbox = bench->add_subcommand("sandbox", "What a box costs over the bare process, and that many leave nothing behind");
  sandbox->add_option("--runs", boxes->runs, "Bare and boxed in turn, so many times")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sandbox->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_boxes(runtime, *boxes); }; });

  const auto retrieve_args = std::make_shared<RetrieveArgs>();
  auto* retrieve = bench->add_subcommand("retrieve", "Does the index find a function by its docstring, and how fast");
  add_examples(*retrieve, {"bench retrieve project", "bench retrieve --embed smollm2-135m --pairs 200 project more.txt.gz"});
  retrieve->add_option("source", retrieve_args->sources, "Folders of Python files, or text files (.py, .txt, .gz)")->required();
  retrieve->add_option("--embed", retrieve_args->engine.model, "Model whose embeddings are judged too");
  retrieve->add_option("-t,--threads", retrieve_args->engine.n_threads, "Threads of the model; 0: all")->check(CLI::Range(0, 1024));
  retrieve->add_option("--pairs", retrieve_args->options.max_pairs, "At most so many functions")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  retrieve->add_option("--sizes", retrieve_args->options.sizes, "Chunks at which speed is measured; 0: not")->capture_default_str();
  retrieve->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_retrieve(runtime, *retrieve_args); }; });
}

}  // namespace aicoder::cli
