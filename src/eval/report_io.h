#pragma once

#include <nlohmann/json.hpp>

#include "aicoder/eval.h"

namespace aicoder::eval {

/// An item but for what the model wrote: its line in the report.
nlohmann::json item_summary(const EvalItem& item);
/// Writes folder/report.json atomically.
void write_report(const EvalReport& report, const std::filesystem::path& folder);

}  // namespace aicoder::eval
