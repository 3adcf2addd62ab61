// bench switch: what a change of fragments costs.
#include "cli/cmd_bench_switch.h"

#include <fmt/format.h>

#include "aicoder/bench.h"
#include "aicoder/fragment.h"
#include "aicoder/store.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  SwitchBenchOptions options;
  std::string raw;
};

Json to_json(const Interval& value) { return {{"median", value.median}, {"ci95", {value.low, value.high}}}; }
Json to_json(const Quantiles& value) { return {{"p50", value.p50}, {"p99", value.p99}, {"n", value.n}}; }

Json to_json(const SwitchBench& result) {
  Json entries = Json::array(), turns = Json::array();
  for (const auto& entry : result.entries) {
    entries.push_back({{"wanted_tokens", entry.wanted},
                       {"source_tokens", entry.source},
                       {"copy_ms", to_json(entry.copy_ms)},
                       {"copy_ms_per_250", entry.ms_per_250},
                       {"make_ms", to_json(entry.make_ms)},
                       {"reread_tokens", entry.reread}});
  }
  for (const auto& turn : result.turns) {
    turns.push_back({{"role", turn.role},
                     {"prompt_tokens", turn.prompt_tokens},
                     {"after_invocation", turn.after_invocation},
                     {"reprefilled_tokens", turn.reprefilled_tokens},
                     {"context_reread", turn.context_reread},
                     {"first_token_ms", turn.first_token_ms}});
  }
  return {{"model", result.model},
          {"engine", result.engine},
          {"threads", result.n_threads},
          {"context_tokens", result.context_tokens},
          {"fragments", result.fragments},
          {"p50_ms", result.p50_ms},
          {"p99_ms", result.p99_ms},
          {"difference_ms", to_json(result.difference_ms)},
          {"stay_ms", to_json(result.stay_ms)},
          {"change_ms", to_json(result.change_ms)},
          {"copy_ms", result.copy_ms},
          {"entries", std::move(entries)},
          {"reprefilled_tokens", result.reprefilled_tokens},
          {"turns", std::move(turns)},
          {"bytes_per_lane", result.bytes_per_lane},
          {"bytes_per_fragment", result.bytes_per_fragment},
          {"fragment_file_bytes", result.fragment_file_bytes},
          {"resident_bytes_added", result.resident_bytes_added},
          {"resident_bytes_left", result.resident_bytes_left},
          {"one_lane_ms", to_json(result.one_lane_ms)},
          {"two_lanes_ms", to_json(result.two_lanes_ms)},
          {"alternating_ratio", to_json(result.alternating_ratio)},
          {"base_ms", to_json(result.base_ms)},
          {"fragment_ratio", to_json(result.fragment_ratio)},
          {"identical", result.identical}};
}

std::string to_text(const SwitchBench& result) {
  std::string out = fmt::format("{} threads, {} tokens shared; times in ms, medians with their 95 % intervals\n", result.n_threads,
                                result.context_tokens);
  out += fmt::format(
      "first token, lane there     staying p50 {:.2f} p99 {:.2f}   changing p50 {:.2f} p99 {:.2f}   more p50 {:.2f} p99 {:.2f}\n",
      result.stay_ms.p50, result.stay_ms.p99, result.change_ms.p50, result.change_ms.p99, result.p50_ms, result.p99_ms);
  out += fmt::format("                            by round, changing - staying {:.2f} ({:.2f} to {:.2f})\n", result.difference_ms.median,
                     result.difference_ms.low, result.difference_ms.high);
  for (const auto& entry : result.entries) {
    out += fmt::format("first entry, {:>5} of {:>5}   copy {:.2f} ({:.2f} to {:.2f}), {:.2f} for each 250 tokens; file and lane {:.1f}\n",
                       entry.wanted, entry.source, entry.copy_ms.median, entry.copy_ms.low, entry.copy_ms.high, entry.ms_per_250,
                       entry.make_ms.median);
  }
  for (const auto& turn : result.turns) {
    out += fmt::format("{:<8} {:>6} tokens         {} read again, {} of them of the context\n", turn.role, turn.prompt_tokens,
                       turn.reprefilled_tokens, turn.context_reread);
  }
  constexpr double kMiB = 1024.0 * 1024.0;
  out += fmt::format(
      "memory, MiB                 a lane {:.1f}, a fragment {:.1f} (file {:.1f}); in RAM {:.1f} more with both, {:.1f} after unloading\n",
      static_cast<double>(result.bytes_per_lane) / kMiB, static_cast<double>(result.bytes_per_fragment) / kMiB,
      static_cast<double>(result.fragment_file_bytes) / kMiB, static_cast<double>(result.resident_bytes_added) / kMiB,
      static_cast<double>(result.resident_bytes_left) / kMiB);
  out += fmt::format("a token                     base {:.2f}, fragment {:.2f}; fragment / base {:.3f} ({:.3f} to {:.3f})\n",
                     result.base_ms.median, result.one_lane_ms.median, result.fragment_ratio.median, result.fragment_ratio.low,
                     result.fragment_ratio.high);
  out += fmt::format("two lanes in turn           {:.2f} a token; of one lane {:.3f} ({:.3f} to {:.3f})\n", result.two_lanes_ms.median,
                     result.alternating_ratio.median, result.alternating_ratio.low, result.alternating_ratio.high);
  out += fmt::format("A/B/A/B/base                {}\n",
                     result.identical ? "the answers of fresh engines" : "NOT the answers of fresh engines");
  return out;
}

int run(Runtime& runtime, Args args) {
  args.options.model = ModelStore().resolve(args.engine.model);
  for (const auto& name : args.engine.fragments) args.options.fragments.push_back(resolve_fragment(name, {}));
  args.options.n_threads = args.engine.n_threads;
  args.options.raw = args.raw;
  args.options.progress = runtime.progress();
  args.options.stop = runtime.interrupt.token();
  const auto result = run_switch_bench(args.options);
  runtime.terminal.clear_progress();
  // Other answers than those of fresh engines are a defect, however fast.
  return runtime.finish(to_json(result), to_text(result), result.identical ? kExitOk : kExitFailed);
}

}  // namespace

void add_bench_switch(CLI::App& bench, Runtime& runtime) {
  auto* command = bench.add_subcommand("switch", "What a change of fragments costs: time, memory, tokens read again");
  add_examples(*command, {"bench switch -m qwen2.5-coder-0.5b", "bench switch -f coder -f debugger --context 8192 --raw switch.jsonl"});
  const auto args = std::make_shared<Args>();
  add_model_option(*command, args->engine, runtime);
  command->remove_option(command->get_option("--gpu-layers"));
  command->add_option("-f,--fragment", args->engine.fragments, "One of the two, at strength 1; those not given are made for the run")
      ->allow_extra_args(false);
  command->add_option("--context", args->options.context_tokens, "Tokens that all share")
      ->check(CLI::Range(64, 1 << 20))
      ->capture_default_str();
  command->add_option("--generate", args->options.generated_tokens, "Tokens of each measurement of decoding")
      ->check(CLI::Range(2, 1 << 16))
      ->capture_default_str();
  command->add_option("--rounds", args->options.rounds, "Each gives two of every time to first token")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--raw", args->raw, "File for every single measurement, one JSON object a line");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
