// bench serve: a load over HTTP on our server and a peer, in turn.
#include "cli/cmd_bench_serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "aicoder/bench.h"
#include "aicoder/fragment.h"
#include "aicoder/store.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  ServeBenchOptions options;
  std::vector<std::string> scenarios;
  std::string raw;
  size_t generated = 0;
  bool no_peer = false;
};

Json to_json(const RatioSummary& ratio) { return {{"median", ratio.median}, {"min", ratio.min}, {"max", ratio.max}}; }

Json to_json(const ServeSide& side) {
  return {{"tokens_per_s", side.tokens_per_s},
          {"first_token_ms", {{"p50", side.first_token_ms.p50}, {"p99", side.first_token_ms.p99}, {"n", side.first_token_ms.n}}},
          {"token_ms", side.token_ms},
          {"slowest_stream_share", side.slowest_stream_share},
          {"requests", side.requests},
          {"tokens", side.tokens},
          {"prompt_tokens", side.prompt_tokens},
          {"cached_tokens", side.reused_tokens}};
}

Json to_json(const ServeBench& result) {
  Json rows = Json::array();
  for (const auto& row : result.rows) {
    Json json = {{"scenario", row.scenario.name},
                 {"streams", row.scenario.streams},
                 {"fragments", row.scenario.fragments},
                 {"change_every_turn", row.scenario.change_every_turn},
                 {"history_tokens", row.scenario.history_tokens},
                 {"turns", row.scenario.turns},
                 {"generated_tokens", row.scenario.generated_tokens},
                 {"ours", to_json(row.ours)},
                 {"peer", nullptr}};
    if (row.peer) {
      json["peer"] = to_json(*row.peer);
      json["throughput_ratio"] = to_json(*row.throughput_ratio);
      json["first_token_ratio"] = to_json(*row.first_token_ratio);
    }
    rows.push_back(std::move(json));
  }
  Json out = {{"model", result.model},     {"engine", result.engine}, {"threads", result.n_threads},
              {"command", result.command}, {"peer_command", nullptr}, {"scenarios", std::move(rows)}};
  if (!result.peer_command.empty()) out["peer_command"] = result.peer_command;
  if (!result.peer_missing.empty()) out["peer_missing"] = result.peer_missing;
  return out;
}

std::string to_text(const ServeBench& result) {
  std::string out = fmt::format("{} threads; tokens/s of all streams, ms to the first token, ms a token after it\n", result.n_threads);
  const auto line = [&](const char* who, const ServeSide& side) {
    out += fmt::format(
        "  {:<5} {:>8.2f} tokens/s   first token p50 {:>8.1f} p99 {:>8.1f}   a token {:>7.2f}   slowest / fastest stream {:.2f}\n", who,
        side.tokens_per_s, side.first_token_ms.p50, side.first_token_ms.p99, side.token_ms, side.slowest_stream_share);
  };
  for (const auto& row : result.rows) {
    out += fmt::format(
        "{}: {} streams, {} fragments{}\n", row.scenario.name, row.scenario.streams, row.scenario.fragments,
        row.scenario.change_every_turn ? fmt::format(", another every turn, {} words shared", row.scenario.history_tokens) : "");
    line("ours", row.ours);
    if (!row.peer) continue;
    line("peer", *row.peer);
    out += fmt::format(
        "  ours against peer, by round: throughput {:.3f} ({:.3f} to {:.3f}), first token {:.2f} ({:.2f} to {:.2f}) times as early\n",
        row.throughput_ratio->median, row.throughput_ratio->min, row.throughput_ratio->max, row.first_token_ratio->median,
        row.first_token_ratio->min, row.first_token_ratio->max);
  }
  if (!result.peer_missing.empty()) out += result.peer_missing + "\n";
  return out;
}

std::vector<ServeScenario> choose(const Args& args) {
  const auto all = serve_scenarios();
  std::vector<ServeScenario> chosen;
  for (const auto& name : args.scenarios) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& scenario) { return scenario.name == name; });
    chosen.push_back(*found);  // the option takes no others
  }
  if (chosen.empty()) chosen = all;
  for (auto& scenario : chosen) {
    if (args.generated > 0) scenario.generated_tokens = args.generated;
  }
  return chosen;
}

int run(Runtime& runtime, Args args) {
  auto& options = args.options;
  options.model = ModelStore().resolve(args.engine.model);
  for (const auto& name : args.engine.fragments) options.fragments.push_back(resolve_fragment(name, {}));
  options.n_threads = args.engine.n_threads;
  options.program = std::filesystem::read_symlink("/proc/self/exe");
  options.scenarios = choose(args);
  options.with_peer = !args.no_peer;
  // Not an option: other users of this machine can read command lines.
  if (const char* token = std::getenv("AICODER_PEER_TOKEN"); token != nullptr) options.peer_token = token;
  options.raw = args.raw;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  const auto result = run_serve_bench(options);
  runtime.terminal.clear_progress();
  return runtime.finish(to_json(result), to_text(result));
}

}  // namespace

void add_bench_serve(CLI::App& bench, Runtime& runtime) {
  auto* command = bench.add_subcommand("serve", "Throughput and time to first token of `aicoder serve`, interleaved with llama-server");
  add_examples(*command,
               {"bench serve -m qwen2.5-coder-0.5b --raw serve.jsonl", "bench serve --scenario one-4 --scenario switch-2k --rounds 5",
                "bench serve --peer http://gpu-box:8000/v1 --peer-model base --peer-model lora-a"});
  const auto args = std::make_shared<Args>();
  add_model_option(*command, args->engine, runtime);
  command->remove_option(command->get_option("--gpu-layers"));
  command->add_option("-f,--fragment", args->engine.fragments, "One of up to four, at strength 1; those not given are made for the run")
      ->allow_extra_args(false);
  std::vector<std::string> names;
  for (const auto& scenario : serve_scenarios()) names.push_back(scenario.name);
  command->add_option("--scenario", args->scenarios, "What the clients do; may be repeated; all without it")
      ->allow_extra_args(false)
      ->check(CLI::IsMember(names));
  command->add_option("--rounds", args->options.rounds, "Ours and the peer in turn, so many times")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--generate", args->generated, "Tokens of each answer, at most; 0: those of the scenario")
      ->check(CLI::Range(0, 1 << 16))
      ->capture_default_str();
  command->add_option(
      "--peer", args->options.peer,
      "Path of llama-server, or URL of an OpenAI endpoint (token: $AICODER_PEER_TOKEN); default: what bench/peers/build.sh made");
  command
      ->add_option("--peer-model", args->options.peer_models, "Model name for a peer given by URL: one for each fragment, or one for all")
      ->allow_extra_args(false);
  command->add_flag("--no-peer", args->no_peer, "Only ours");
  command
      ->add_option("--serve-option", args->options.serve_arguments,
                   "One more argument of our `aicoder serve`, as --serve-option=--lookup; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--raw", args->raw, "File for every request, one JSON object a line");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
