// From a request to the plan of a box, or a refusal that says what to change.
#pragma once

#include "aicoder/sandbox.h"
#include "sandbox/box.h"

namespace aicoder::box {

/// \throws Error(kInvalidArgument, kNotFound, kPermissionDenied). `bwrap` is left empty when it is not installed.
BoxPlan checked_plan(const SandboxRequest& request);

}  // namespace aicoder::box
