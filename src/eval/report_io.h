#pragma once

#include "aicoder/eval.h"

namespace aicoder::eval {

/// Writes folder/report.json atomically.
void write_report(const EvalReport& report, const std::filesystem::path& folder);

}  // namespace aicoder::eval
