// One whole run: check the request, fill a box, watch it, judge it.
#pragma once

#include <stop_token>

#include "aicoder/sandbox.h"

namespace aicoder::box {

/// As Sandbox::run, without asking first whether the machine can give a box.
SandboxResult run_in_box(const SandboxRequest& request, const std::stop_token& stop);

}  // namespace aicoder::box
