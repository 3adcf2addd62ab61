#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

/// fragment shelf: the roles' fragments of a model; fragment card: one of them as a page in Markdown.
void add_fragment_shelf(CLI::App& fragment, Runtime& runtime);

}  // namespace aicoder::cli
