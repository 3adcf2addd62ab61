// `aicoder bench switch`. Private to src/cli.
#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

void add_bench_switch(CLI::App& bench, Runtime& runtime);

}  // namespace aicoder::cli
