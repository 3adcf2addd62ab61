#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

/// fragment self: the model's own verified answers as text; fragment search: a strength for each layer.
void add_fragment_search(CLI::App& fragment, Runtime& runtime);

}  // namespace aicoder::cli
