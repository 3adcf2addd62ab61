// The Python programs that judge a whole program, in the sandbox. Each reads one JSON object from standard input.
#pragma once

#include <string>

namespace aicoder::eval {

/// {program, prompt} -> {"parses", "reason", "adds"} on standard output; adds: it holds more statements than the prompt.
extern const char* const kParseScript;
/// {solution, module, tests, mark, nonce}: runs those tests that carry the mark "functionality" or "security" (none: functionality), on
/// the solution as `module`. Proves as grade_script() does. Tests with "unsafe" in their name are left out: they test the tests.
std::string security_test_script();

}  // namespace aicoder::eval
