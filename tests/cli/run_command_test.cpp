// The main job with the real test model and the real sandbox: structure and honesty, not quality.
#include "cli/program.h"

namespace aicoder::test {
namespace {

class RunCommand : public Program {
 protected:
  void SetUp() override { use_real_models(); }
  const std::vector<std::string> model_ = {"-m", "smollm2-135m", "--context", "2048"};
  std::vector<std::string> with_model(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, model_.begin(), model_.end());
    return arguments;
  }
};

TEST_F(RunCommand, DirectAnswerCarriesEveryFieldOfTheDesign) {
  const auto json = run_json(with_model({"run", "--mode", "direct", "--max-tokens", "24", "Say hello."}), 0);
  for (const char* field : {"answer", "mode", "reasons", "verification", "files", "steps", "tokens", "seconds", "sandbox_level"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_EQ(json["mode"], "direct");
  EXPECT_EQ(json["verification"], "not_run");
  EXPECT_GT(json["tokens"].get<int>(), 5);
  EXPECT_FALSE(json["answer"].get<std::string>().empty());
  const auto sessions = run_json({"sessions"}, 0)["sessions"];
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_EQ(sessions[0]["id"], json["session"]);
}

TEST_F(RunCommand, AgenticRunOnAProjectNeverTouchesItWithoutYesAndNeverLies) {
  std::filesystem::create_directories(home_ / "project");
  const std::string source = "def add(a, b):\n    return a - b\n";
  const std::string tests =
      "import unittest\nfrom calc import add\n\nclass AddTest(unittest.TestCase):\n    def test_add(self):\n        "
      "self.assertEqual(add(2, 3), 5)\n";
  write_file_atomic(home_ / "project/calc.py", source);
  write_file_atomic(home_ / "project/test_calc.py", tests);
  auto arguments = with_model({"run", "--mode", "agent", "--candidates", "2", "--repairs", "1", "--max-tokens", "120", "--dir",
                               (home_ / "project").string(), "The test fails: add must return the sum. Fix calc.py."});
  arguments.emplace_back("--json");
  const auto result = run(arguments);
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_TRUE(json.contains("verification")) << result.out << result.err;
  EXPECT_EQ(json["sandbox_level"], "L3");
  EXPECT_EQ(json["applied"], false);
  EXPECT_EQ(read_file(home_ / "project/calc.py"), source);
  EXPECT_EQ(result.exit_code, json["verification"] == "verified" ? 0 : json["verification"] == "ran" ? 3 : result.exit_code);
  EXPECT_FALSE(json["steps"].empty());
}

TEST_F(RunCommand, InterruptEndsWith130AndLeavesTheProjectAlone) {
  std::filesystem::create_directories(home_ / "project");
  write_file_atomic(home_ / "project/a.py", "x = 1\n");
  // `timeout -s INT` sends what Ctrl-C sends; --foreground keeps its exit status rule out of the way.
  const auto program = std::string(AICODER_BINARY_DIR) + "/bin/aicoder";
  const auto result = run_host_process(
      {.argv = {"timeout", "--preserve-status", "-s", "INT", "2", program, "run", "-m", "smollm2-135m", "--mode", "direct", "--max-tokens",
                "60000", "--context", "8192", "--json", "Count from one to ten thousand in words, one number a line, without stopping."},
       .cwd = home_.path(),
       .extra_env = env_});
  EXPECT_TRUE(result.exit_code == 130 || result.exit_code == 0) << result.exit_code << result.out;
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.out;
  if (result.exit_code == 130) {
    EXPECT_EQ(json["error"]["code"], "cancelled");
  }
  EXPECT_EQ(read_file(home_ / "project/a.py"), "x = 1\n");
}

TEST_F(RunCommand, PerplexityOfRealTextIsFinite) {
  write_file_atomic(home_ / "t.txt",
                    "The quick brown fox jumps over the lazy dog. A sentence about nothing in particular, and then another one.");
  const auto json = run_json(with_model({"perplexity", "t.txt"}), 2);
  EXPECT_EQ(json["error"]["code"], "invalid_argument");  // perplexity has no --context: its window is part of the definition
  const auto good = run_json({"perplexity", "-m", "smollm2-135m", "t.txt"}, 0);
  EXPECT_GT(good["perplexity"].get<double>(), 1.0);
  EXPECT_LT(good["perplexity"].get<double>(), 1000.0);
  EXPECT_GT(good["tokens"].get<int>(), 10);
}

TEST_F(RunCommand, ChatFromAPipeKeepsHistoryAndCanBeResumed) {
  const auto first = run_json(with_model({"chat"}), 0, "/direct\nSay hi.\n/quit\n");
  ASSERT_EQ(first["turns"].size(), 1U);
  EXPECT_EQ(first["turns"][0]["mode"], "direct");
  const auto second = run_json(with_model({"resume", first["session"].get<std::string>()}), 0, "/direct Say it again.\n");
  EXPECT_EQ(second["session"], first["session"]);
  EXPECT_EQ(second["turns"].size(), 1U);
}

TEST_F(RunCommand, FragmentIsBuiltInspectedAndUsed) {
  write_file_atomic(
      home_ / "task.txt",
      "def add(a, b):\n    return a + b\n\ndef mul(a, b):\n    return a * b\n\nfor i in range(10):\n    print(add(i, mul(i, 2)))\n");
  write_file_atomic(
      home_ / "general.txt",
      "It was a bright cold day in the village, and the people went to the market to buy bread and to talk about the weather.");
  const auto captured = run_json(
      {"fragment", "capture", "-m", "smollm2-135m", "--calib", "task.txt", "--max-tokens", "20", "-o", "stats/task.imatrix.gguf"}, 0);
  EXPECT_EQ(captured["tokens"], 20U);
  EXPECT_EQ(captured["bytes"], std::filesystem::file_size(home_ / "stats/task.imatrix.gguf"));
  EXPECT_EQ(run_json({"fragment", "build", "-m", "smollm2-135m", "--name", "from-stats", "--recipe", "wanda", "--calib",
                      "stats/task.imatrix.gguf", "--rank", "2", "--strength", "0.1", "-o", "from-stats.gguf"},
                     0)["calib_loss_on"],
            nullptr);
  const auto built = run_json({"fragment", "build", "-m", "smollm2-135m", "--name", "tiny", "--role", "coder", "--calib", "task.txt",
                               "--general", "general.txt", "--rank", "2", "--strength", "0.1"},
                              0);
  for (const char* field : {"path", "bytes", "seconds", "strength", "calib_loss_off", "calib_loss_on", "retained_energy"})
    EXPECT_TRUE(built.contains(field)) << field;
  EXPECT_NE(built["calib_loss_off"], built["calib_loss_on"]);
  const auto info = run_json({"fragment", "inspect", "tiny"}, 0);
  EXPECT_EQ(info["recipe"], "contrast");
  EXPECT_EQ(info["rank"], 2);
  EXPECT_EQ(info["strength"], 0.1) << "as it was given";
  EXPECT_EQ(info["keep"], 0.2);
  EXPECT_FALSE(info["tensors"].empty());
  EXPECT_EQ(run_json({"fragment", "list"}, 0)["fragments"].size(), 1U);
  const auto off = run_json({"perplexity", "-m", "smollm2-135m", "task.txt"}, 0);
  const auto zero = run_json({"perplexity", "-m", "smollm2-135m", "-f", "tiny:0", "task.txt"}, 0);
  const auto on = run_json({"perplexity", "-m", "smollm2-135m", "-f", "tiny", "task.txt"}, 0);
  EXPECT_EQ(off["nll"], zero["nll"]);
  EXPECT_NE(off["nll"], on["nll"]);
}

}  // namespace
}  // namespace aicoder::test
