#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

/// `rag index`, `rag search`.
void add_rag(CLI::App& app, Runtime& runtime);

}  // namespace aicoder::cli
