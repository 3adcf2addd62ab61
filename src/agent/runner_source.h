#pragma once
#include <string_view>
namespace aicoder::agent {
/// runner.py of this folder, put in at build time.
extern const std::string_view kRunnerSource;
/// behaviour.py, likewise.
extern const std::string_view kBehaviourSource;
/// project_runner.py, likewise.
extern const std::string_view kProjectRunnerSource;
}  // namespace aicoder::agent
