#include <algorithm>

#include "aicoder/bench.h"
#include "bench/made_fragments.h"
#include "bench/switch_parts.h"

namespace aicoder {
namespace {

constexpr size_t kLeastContext = 64;

void check(const SwitchBenchOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[bench] " + what); };
  if (options.rounds == 0) refuse("rounds is 0, expected at least 1");
  if (options.generated_tokens < 2) refuse("generated_tokens is " + std::to_string(options.generated_tokens) + ", expected at least 2");
  if (options.context_tokens < kLeastContext) {
    refuse("context_tokens is " + std::to_string(options.context_tokens) + ", expected at least " + std::to_string(kLeastContext));
  }
}

}  // namespace

SwitchBench run_switch_bench(const SwitchBenchOptions& options) {
  check(options);
  RawLog raw(options.raw);  // before minutes of work: a folder that is missing is told now
  const ScratchDir scratch;
  SwitchBench result{.model = options.model.string(), .engine = engine_description()};
  const auto model = Model::load(options.model, {.progress = options.progress, .stop = options.stop});
  // Turns and answers need room beyond the context.
  if (options.context_tokens + 256 > model->n_ctx_train()) {
    throw Error(ErrorCode::kInvalidArgument, "[bench] context_tokens is " + std::to_string(options.context_tokens) + ", expected at most " +
                                                 std::to_string(model->n_ctx_train() - 256) + " for this model");
  }
  size_t done = 0;
  const size_t total = n_steps_first_token(options) + n_steps_entries(options) + n_decode_rounds(options) + 3 + 1 + 5;
  SwitchRun run{.options = options,
                .model = model,
                .fragments = fill_up_fragments(options.fragments, 2, model->file(), scratch.path()),
                .n_threads = options.n_threads > 0 ? options.n_threads : usable_cores(),
                .raw = raw,
                .step = [&] {
                  throw_if_stopped(options.stop);
                  ++done;
                  if (options.progress) {
                    options.progress(
                        {.stage = "bench switch", .done = static_cast<double>(done), .total = static_cast<double>(total), .unit = "steps"});
                  }
                }};
  result.n_threads = run.n_threads;
  result.context_tokens = options.context_tokens;
  for (size_t i = 0; i < run.fragments.size(); ++i) {
    result.fragments.push_back(i < options.fragments.size() ? run.fragments[i].string() : "made: rank " + std::to_string(kMadeRank));
  }
  check_identical(run, result);
  measure_first_tokens(run, result);
  measure_entries(run, result);
  measure_turns(run, result);
  measure_memory(run, result);
  measure_decoding(run, result);
  raw.commit();
  return result;
}

}  // namespace aicoder
