#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

void add_fragment_eval(CLI::App& fragment, Runtime& runtime);

}  // namespace aicoder::cli
