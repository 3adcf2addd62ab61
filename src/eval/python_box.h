// Python in the sandbox: one program, one JSON object on its standard input.
#pragma once

#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>

#include "aicoder/sandbox.h"

namespace aicoder::eval {

/// How a program of tests ended.
struct TestsRun {
  bool passed = false;
  std::string verdict;  ///< see EvalItem
  std::string detail;   ///< why it failed
};

/// Thread-safe when the runner is.
class PythonBox {
 public:
  PythonBox(CodeRunner& runner, const SandboxLimits& limits) : runner_(runner), limits_(limits) {}
  /// What the program printed as JSON; discarded where it did not end well or printed something else.
  /// \throws Error(kCancelled) on stop, kUnavailable when the sandbox itself fails twice.
  nlohmann::json ask(const std::string& script, const nlohmann::json& input, const std::stop_token& stop) const;
  /// A program made of kProofPrologue: it has passed where it printed the nonce put into `input`, and nothing else passes.
  /// \throws as ask.
  TestsRun prove(const std::string& script, nlohmann::json input, const std::stop_token& stop) const;

 private:
  SandboxResult run(const std::string& script, const nlohmann::json& input, const std::stop_token& stop) const;

  CodeRunner& runner_;
  SandboxLimits limits_;
};

}  // namespace aicoder::eval
