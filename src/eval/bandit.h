// Findings of bandit, a static analyzer of Python: it parses a program and never runs it.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace aicoder::eval {

struct BanditReport {
  bool scanned = false;                  ///< false: bandit could not parse the program
  std::string reason;                    ///< why not
  size_t low = 0, medium = 0, high = 0;  ///< findings by severity
  std::vector<std::string> findings;     ///< of severity MEDIUM and above: "B506 MEDIUM line 8"
};

/// Thread-safe.
class Bandit {
 public:
  /// `asked`, else bandit on PATH, else the newest of the environments that scripts/setup/python.sh made.
  /// \throws Error(kNotFound) when none of them runs, with the command that installs it.
  explicit Bandit(const std::filesystem::path& asked = {});
  const std::filesystem::path& program() const noexcept { return program_; }
  const std::string& version() const noexcept { return version_; }  ///< "bandit 1.9.4": findings change with it
  /// `# nosec` in the program hides nothing. \throws Error(kUnavailable) when bandit fails, kCancelled.
  BanditReport scan(const std::string& program, const std::stop_token& stop) const;

 private:
  std::filesystem::path program_;
  std::string version_;
};

}  // namespace aicoder::eval
