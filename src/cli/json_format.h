// Native structs to the JSON of the commands (design, section 12).
#pragma once

#include "aicoder/agent.h"
#include "aicoder/eval.h"
#include "aicoder/fragment.h"
#include "cli/runtime.h"

namespace aicoder::cli {

/// A float as it was written: 0.05, not 0.05000000074505806.
double decimal(float value);

Json to_json(const AgentStep& step);
Json to_json(const AgentResult& result);
Json to_json(const ControlVector& vector);
Json to_json(const FragmentSettings& settings);
Json to_json(const FragmentInfo& info);
Json to_json(const EvalReport& report);
Json to_json(const Comparison& comparison);
Json to_json(const SandboxResult& result);
Json to_json(const SessionInfo& session);

}  // namespace aicoder::cli
