// Where tests find real models. A missing one fails the test with the command that brings it: never a silent skip.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "aicoder/core.h"

namespace aicoder::test {

/// data_dir()/models/NAME.gguf. \throws Error(kFailedPrecondition) naming `make test-models`.
inline std::filesystem::path require_model(const std::string& name) {
  auto path = data_dir() / "models" / (name + ".gguf");
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorCode::kFailedPrecondition, "[test] model '" + name + "' is not at " + path.string(), "make test-models");
  }
  return path;
}

/// A fresh folder, removed with its content at scope end.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aicoder-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace aicoder::test
