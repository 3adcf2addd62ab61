// The built program, run as a user runs it, in a home of its own.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/test_model.h"

namespace aicoder::test {

class Program : public ::testing::Test {
 protected:
  HostProcessResult run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), std::string(AICODER_BINARY_DIR) + "/bin/aicoder");
    return run_host_process({.argv = std::move(arguments), .cwd = home_.path(), .extra_env = env_, .stdin_text = input});
  }
  /// Exactly one JSON object on stdout.
  nlohmann::json run_json(std::vector<std::string> arguments, int expected_exit, const std::string& input = {}) {
    arguments.emplace_back("--json");
    const auto result = run(std::move(arguments), input);
    EXPECT_EQ(result.exit_code, expected_exit) << result.out << result.err;
    const auto json = nlohmann::json::parse(result.out, nullptr, false);
    EXPECT_TRUE(json.is_object()) << result.out;
    return json;
  }
  void use_real_models() {
    const auto model = require_model("smollm2-135m");
    std::filesystem::create_directories(home_ / "models");
    std::filesystem::create_symlink(model, home_ / "models/smollm2-135m.gguf");
  }
  TempDir home_;
  std::map<std::string, std::string> env_ = {{"AICODER_HOME", home_.path().string()}, {"NO_COLOR", "1"}};
};

}  // namespace aicoder::test
