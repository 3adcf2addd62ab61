// Runs the independent numpy computations of tests/fragment/*.py over raw little-endian files in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "aicoder/core.h"

namespace aicoder::test {

template <typename T>
void write_raw(const std::filesystem::path& path, const std::vector<T>& values) {
  write_file_atomic(path, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

template <typename T>
std::vector<T> read_raw(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::copy_n(bytes.data(), values.size() * sizeof(T), reinterpret_cast<char*>(values.data()));
  return values;
}

/// \throws Error(kFailedPrecondition) without an interpreter: an oracle test never passes by not running.
inline std::string run_script(const std::string& script, const std::vector<std::string>& arguments) {
  const std::string python = AICODER_TEST_PYTHON;
  if (python.empty()) throw Error(ErrorCode::kFailedPrecondition, "[test] no Python for the oracle was configured", "make test");
  HostProcess process{.argv = {python, AICODER_SOURCE_DIR "/tests/fragment/" + script}};
  process.argv.insert(process.argv.end(), arguments.begin(), arguments.end());
  const HostProcessResult result = run_host_process(process);
  if (result.exit_code != 0) throw Error(ErrorCode::kInternal, "[test] " + script + " failed: " + result.err);
  return result.out;
}
inline std::string run_oracle(const std::vector<std::string>& arguments) { return run_script("oracle.py", arguments); }

}  // namespace aicoder::test
