// A few security rules over source text, by pattern; the language is told by the path. They point at what deserves a look; they prove
// nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aicoder::agent {

struct Finding {
  std::string rule;  ///< "weak-password-hash"
  std::string path;
  size_t line = 0;  ///< 1-based
  std::string message;
  std::string text() const { return path + ":" + std::to_string(line) + ": " + message + " [" + rule + "]"; }
};
/// Findings in the lines of `after` that are not in `before`: what was there already is not this run's doing.
std::vector<Finding> check_rules(const std::string& path, std::string_view before, std::string_view after);

/// Signs that code plays with the test run instead of passing it: os._exit, patched unittest, frames of the runner.
std::vector<Finding> check_tampering(const std::string& path, std::string_view before, std::string_view after);

/// The same for C, C++, JavaScript, TypeScript, Go and Rust.
std::vector<Finding> check_c_like_rules(const std::string& path, std::string_view before, std::string_view after);
std::vector<Finding> check_c_like_tampering(const std::string& path, std::string_view before, std::string_view after);

}  // namespace aicoder::agent
