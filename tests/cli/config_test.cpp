#include "cli/config.h"

#include <gtest/gtest.h>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::cli {
namespace {

class ConfigFile : public ::testing::Test {
 protected:
  Config load(const std::string& text) {
    write_file_atomic(file_, text);
    return load_config(file_);
  }
  test::TempDir dir_;
  std::filesystem::path file_ = dir_ / "config.toml";
};

TEST_F(ConfigFile, MissingFileGivesTheDefaults) {
  const auto config = load_config(dir_ / "none.toml");
  EXPECT_EQ(config.model, kDefaultModel);
  EXPECT_TRUE(config.path.empty());
}

TEST_F(ConfigFile, ReadsEverySection) {
  const auto config = load(
      "model = \"smollm2-135m\"\ncontext = 4096\n[agent]\ncandidates = 2\n[roles]\ncoder = \"c:0.1\"\n[sandbox]\nmemory_mb = "
      "64\ncpu_seconds = 3\n");
  EXPECT_EQ(config.model, "smollm2-135m");
  EXPECT_EQ(config.n_ctx, 4096U);
  EXPECT_EQ(config.n_candidates, 2U);
  EXPECT_EQ(config.roles.at("coder"), "c:0.1");
  EXPECT_EQ(config.limits.memory_bytes, uint64_t{64} << 20);
  EXPECT_EQ(config.limits.cpu, std::chrono::seconds(3));
}

TEST_F(ConfigFile, UnknownKeysAreRefusedWithTheirLine) {
  EXPECT_ERROR(load("model = \"a\"\nmodle = \"b\"\n"), ErrorCode::kInvalidArgument, "line 2: unknown key 'modle'");
  EXPECT_ERROR(load("[agent]\ncandidate = 2\n"), ErrorCode::kInvalidArgument, "unknown key 'agent.candidate'");
}

TEST_F(ConfigFile, WrongTypesAndRangesAreRefused) {
  EXPECT_ERROR(load("context = \"big\"\n"), ErrorCode::kInvalidArgument, "'context' must be a whole number from 256");
  EXPECT_ERROR(load("[agent]\nrepairs = 3\n"), ErrorCode::kInvalidArgument, "from 0 to 2");
  EXPECT_ERROR(load("model = 3\n"), ErrorCode::kInvalidArgument, "'model' must be a string");
  EXPECT_ERROR(load("colour = \"red\"\n"), ErrorCode::kInvalidArgument, "expected auto, always or never");
}

TEST_F(ConfigFile, SyntaxErrorsNameTheLine) { EXPECT_ERROR(load("model = \"a\"\n[agent\n"), ErrorCode::kInvalidArgument, "line 2"); }

}  // namespace
}  // namespace aicoder::cli
