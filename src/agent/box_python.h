// A program of ours in Python, run in the box beside untrusted code.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>

#include "agent/box_report.h"

namespace aicoder::agent {

struct BoxedOutput {
  SandboxResult box;
  std::string nonce;  ///< a word the untrusted code cannot guess: marks the lines of box.out that are ours
};
/// The program reads two lines from stdin: `spec` as JSON, then the nonce. \throws as CodeRunner::run.
BoxedOutput run_in_box(CodeRunner& runner, const BoxJob& job, std::string_view program, const nlohmann::json& spec,
                       const std::stop_token& stop);

/// The same for a program that speaks the runner's lines: what it reported.
BoxReport report_from_box(CodeRunner& runner, const BoxJob& job, std::string_view program, const nlohmann::json& spec,
                          const std::stop_token& stop);

}  // namespace aicoder::agent
