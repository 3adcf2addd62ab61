#include "bench/peer.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(BenchPeer, ReadsBothEntries) {
  const PeerSpeeds speeds =
      parse_peer_output(R"([{"n_prompt": 512, "n_gen": 0, "avg_ts": 250.5}, {"n_prompt": 0, "n_gen": 128, "avg_ts": 31.25}])");
  EXPECT_DOUBLE_EQ(speeds.prefill_tokens_per_s, 250.5);
  EXPECT_DOUBLE_EQ(speeds.decode_tokens_per_s, 31.25);
}

TEST(BenchPeer, OtherOutputIsRefused) {
  EXPECT_ERROR(parse_peer_output("model not found"), ErrorCode::kInternal, "expected a JSON list");
  EXPECT_ERROR(parse_peer_output("[1]"), ErrorCode::kInternal, "without the number");
  EXPECT_ERROR(parse_peer_output(R"([{"n_prompt": 512, "avg_ts": 1.0}])"), ErrorCode::kInternal, "one for generation");
  EXPECT_ERROR(parse_peer_output(R"([{"n_prompt": 0, "avg_ts": 0}])"), ErrorCode::kInternal, "a speed of 0");
}

TEST(BenchPeer, CommandNamesTheSameWork) {
  GenerateBenchOptions options;
  options.model = "m.gguf";
  options.prompt_tokens = 100;
  options.generated_tokens = 20;
  const auto command = peer_command("llama-bench", options, 3);
  const std::vector<std::string> expected = {"llama-bench", "-m", "m.gguf", "-p",  "100", "-n",   "20", "-r", "1",   "-t",
                                             "3",           "-b", "512",    "-ub", "512", "-ngl", "0",  "-o", "json"};
  EXPECT_EQ(command, expected);
}

class BenchFindPeer : public testing::Test {
 protected:
  void SetUp() override { ::setenv("AICODER_HOME", home_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("AICODER_HOME"); }
  std::filesystem::path add(const std::string& key, int age_seconds) {
    const auto bin = home_ / "deps" / key / "bin";
    std::filesystem::create_directories(bin);
    std::ofstream(bin / "llama-bench") << "x";
    std::filesystem::last_write_time(bin / "llama-bench",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::seconds(age_seconds));
    return bin / "llama-bench";
  }
  test::TempDir home_;
};

TEST_F(BenchFindPeer, TakesTheNewest) {
  add("peers-a", 100);
  const auto newest = add("peers-b", 10);
  add("peers-c", 50);
  EXPECT_EQ(find_peer("llama-bench"), newest);
}

TEST_F(BenchFindPeer, NothingBuiltGivesNothing) {
  EXPECT_EQ(find_peer("llama-bench"), std::nullopt);
  add("llama-0.3", 1);  // an installed engine is no peer
  EXPECT_EQ(find_peer("llama-bench"), std::nullopt);
}

TEST(GenerateBench, RefusesNothingToMeasure) {
  EXPECT_ERROR(run_generate_bench({.model = "m.gguf", .rounds = 0}), ErrorCode::kInvalidArgument, "at least 1");
}

TEST(GenerateBench, RefusesANamedPeerThatIsNotThere) {
  EXPECT_ERROR(run_generate_bench({.model = "m.gguf", .peer = "/nowhere/llama-bench"}), ErrorCode::kNotFound, "no peer at");
}

}  // namespace
}  // namespace aicoder
