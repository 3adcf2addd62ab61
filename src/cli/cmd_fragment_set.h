#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

void add_fragment_set(CLI::App& fragment, Runtime& runtime);

}  // namespace aicoder::cli
