// llama-bench as a peer: its command line and what it prints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aicoder/bench.h"

namespace aicoder {

/// Batch and micro-batch of both sides: llama-bench's default micro-batch, and what a Context takes by default.
inline constexpr size_t kBenchBatch = 512;

std::vector<std::string> peer_command(const std::filesystem::path& program, const GenerateBenchOptions& options, int n_threads);

struct PeerSpeeds {
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0;
};
/// Reads the output of `llama-bench -o json`: one entry with prompt tokens, one with generated ones.
/// \throws Error(kInternal) saying what it found.
PeerSpeeds parse_peer_output(std::string_view json_text);

}  // namespace aicoder
