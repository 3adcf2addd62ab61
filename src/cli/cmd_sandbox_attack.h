#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

/// `sandbox attack`.
void add_sandbox_attack(CLI::App& sandbox, Runtime& runtime);

}  // namespace aicoder::cli
