// The two Python programs that run in the sandbox. Each reads one JSON object from standard input.
#pragma once

namespace aicoder::eval {

/// {text, entry_point} -> {"solution"} on standard output.
extern const char* const kSanitizeScript;
/// {solution, entry_point, setup, tests, calls_check, shares_namespace, nonce} -> the nonce on standard output when every test has
/// passed; exit code 1 and the exception on standard error when one has not.
extern const char* const kGradeScript;

}  // namespace aicoder::eval
