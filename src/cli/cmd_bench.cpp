// bench generate; the other benchmarks are not built yet.
#include <fmt/format.h>

#include "aicoder/bench.h"
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
  return runtime.finish(json, text);
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
  generate->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });

  for (const char* planned : {"switch", "serve", "train", "sandbox", "retrieve"}) {
    auto* command = bench->add_subcommand(planned, "Not built yet");
    command->allow_extras()->fallthrough(false);  // whatever arguments the built one will take
    command->group("Not built yet");
    command->callback([&runtime, planned] {
      runtime.action = [planned]() -> int {
        throw Error(ErrorCode::kUnimplemented, std::string("[bench ") + planned + "] planned and not built yet", "aicoder bench generate");
      };
    });
  }
}

}  // namespace aicoder::cli
