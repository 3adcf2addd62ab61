#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

void add_fragment_select(CLI::App& fragment, Runtime& runtime);

}  // namespace aicoder::cli
