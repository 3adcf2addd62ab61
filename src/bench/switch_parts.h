// The parts of `bench switch`: what an Engine is asked, and decodes of lanes by hand. Private to src/bench.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "aicoder/adapter.h"
#include "aicoder/bench.h"
#include "bench/raw_log.h"

namespace aicoder {

/// What every part needs.
struct SwitchRun {
  const SwitchBenchOptions& options;
  std::shared_ptr<const Model> model;
  std::vector<std::filesystem::path> fragments;  ///< two
  int n_threads = 0;
  RawLog& raw;
  std::function<void()> step;  ///< one more unit of work is done; \throws Error(kCancelled)
};

/// Tokens that cost what any cost to read: none of the first ones, which are control tokens in most vocabularies.
std::vector<Token> random_tokens(const Model& model, size_t n, uint32_t seed);

size_t n_steps_first_token(const SwitchBenchOptions& options);
void measure_first_tokens(SwitchRun& run, SwitchBench& result);
size_t n_steps_entries(const SwitchBenchOptions& options);
void measure_entries(SwitchRun& run, SwitchBench& result);
void measure_turns(SwitchRun& run, SwitchBench& result);
void measure_memory(SwitchRun& run, SwitchBench& result);
void check_identical(SwitchRun& run, SwitchBench& result);

size_t n_decode_rounds(const SwitchBenchOptions& options);
void measure_decoding(SwitchRun& run, SwitchBench& result);

}  // namespace aicoder
