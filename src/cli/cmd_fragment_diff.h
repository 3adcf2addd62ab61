#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

void add_fragment_diff(CLI::App& fragment, Runtime& runtime);

}  // namespace aicoder::cli
