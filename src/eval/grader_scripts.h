// The Python programs that clean an answer and run its tests, in the sandbox. Each reads one JSON object from standard input.
#pragma once

#include <string>

namespace aicoder::eval {

/// {text, entry_point} -> {"solution"} on standard output.
extern const char* const kSanitizeScript;
/// Begins a program that proves something: it defines run(request) and ends with prove(run). The nonce of the request goes to standard
/// output when run returns; exit code 1 and the exception on standard error when it raises.
extern const char* const kProofPrologue;
/// {solution, entry_point, setup, tests, calls_check, shares_namespace, nonce}: proves that every test passes.
std::string grade_script();

}  // namespace aicoder::eval
