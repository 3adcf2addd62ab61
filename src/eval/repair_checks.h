#pragma once

namespace aicoder::eval {

/// Python that the tests of a repaired program call, run before them:
/// run_case(function, "[arguments, result]", tolerance) and run_driver(name, function, fixed, driver).
extern const char* const kRepairChecks;

}  // namespace aicoder::eval
