// `aicoder serve` with the test model, as the checks in Python beside this file ask it.
#include <gtest/gtest.h>

#include <fstream>

#include "support/test_model.h"

namespace aicoder::test {
namespace {

class ServeProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto model = require_model("smollm2-135m");
    std::filesystem::create_directories(home_ / "models");
    std::filesystem::create_symlink(model, home_ / "models/smollm2-135m.gguf");
  }
  HostProcessResult run(std::vector<std::string> argv) const {
    return run_host_process(
        {.argv = std::move(argv), .cwd = home_.path(), .extra_env = {{"AICODER_HOME", home_.path().string()}, {"NO_COLOR", "1"}}});
  }
  /// The quickest fragment there is; what it does to the answers does not matter here.
  void build_noise() const {
    std::ofstream(home_ / "calib.txt") << "A cat sat on the mat. The dog ran after it, and both were glad in the end.\n";
    const auto built = run({kProgram, "fragment", "build", "-m", "smollm2-135m", "--recipe", "random", "--rank", "2", "--strength", "0.1",
                            "--name", "noise", "--calib", (home_ / "calib.txt").string(), "--max-tokens", "256", "--json"});
    ASSERT_EQ(built.exit_code, 0) << built.out << built.err;
  }
  void check(const std::string& script, std::vector<std::string> more = {}) const {
    ASSERT_STRNE(AICODER_TEST_PYTHON, "") << "make test";
    std::vector<std::string> argv = {AICODER_TEST_PYTHON, AICODER_SOURCE_DIR "/tests/server/" + script, kProgram};
    argv.insert(argv.end(), more.begin(), more.end());
    const auto result = run(argv);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  }
  const std::string kProgram = std::string(AICODER_BINARY_DIR) + "/bin/aicoder";
  TempDir home_;
};

TEST_F(ServeProgram, OpenAIsOwnExamplesRunUnchanged) { check("check_openai_client.py"); }

TEST_F(ServeProgram, AnswersAsItsOpenApiDocumentSays) {
  build_noise();
  check("check_openapi.py", {"noise"});
}

TEST_F(ServeProgram, TheWebPageWorksInARealBrowser) {
  build_noise();
  check("check_web_page.py", {"noise"});
}

TEST_F(ServeProgram, StartsCancelsAndEnds) { check("check_life.py"); }

}  // namespace
}  // namespace aicoder::test
