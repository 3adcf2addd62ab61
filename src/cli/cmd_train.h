#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

void add_train(CLI::App& app, Runtime& runtime);

}  // namespace aicoder::cli
