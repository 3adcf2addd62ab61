// `aicoder bench serve`. Private to src/cli.
#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

void add_bench_serve(CLI::App& bench, Runtime& runtime);

}  // namespace aicoder::cli
