// train as a user runs it, on a base of one layer made in the test.
#include "cli/program.h"
#include "fragment/tiny_base.h"

namespace aicoder::test {
namespace {

class Train : public Program {
 protected:
  void SetUp() override {
    tiny_of("llama").write(home_ / "tiny.gguf");
    std::string rows;
    for (char c = 'a'; c <= 'z'; ++c) rows += std::string(R"({"text": ")") + c + "bc dbc ebc fbc gbc hbc \"}\n";
    write_file_atomic(home_ / "rows.jsonl", rows);
    write_file_atomic(home_ / "general.txt", "one two three four five six seven eight nine ten");
  }
  std::vector<std::string> command(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"train", "-m",        "tiny.gguf", "--name", "tiny-tuned", "--data", "rows.jsonl", "--rank",
                                    "4",     "--context", "64",        "--rate", "0.01",       "-t",     "1",          "-q"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Runs it in the background, sends the signal some steps after there is a checkpoint, gives the exit code.
  std::string interrupted(const std::string& signal, const std::vector<std::string>& arguments) {
    std::string line = std::string(AICODER_BINARY_DIR) + "/bin/aicoder";
    for (const auto& argument : arguments) line += " '" + argument + "'";
    const std::string script =
        line +
        " >/dev/null 2>err.txt & pid=$!; for i in $(seq 600); do [ -f out.gguf.checkpoint ] && break; sleep 0.05; done; sleep 0.2; kill -" +
        signal + " $pid; wait $pid; echo $?";
    return run_host_process({.argv = {"bash", "-c", script}, .cwd = home_.path(), .extra_env = env_}).out;
  }
};

TEST_F(Train, LeavesAFragmentThatTheOtherCommandsUse) {
  const auto json = run_json(command({"--epochs", "40", "--held-out-share", "0.2", "--general", "general.txt", "--curve", "curve.csv"}), 0);
  for (const char* field :
       {"steps", "tokens", "seconds", "train_loss", "target_loss", "general_loss", "penalty_share", "tokens_per_s", "peak_bytes", "path"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_LT(json["target_loss"], json["target_loss_before"]);
  EXPECT_EQ(json["path"], (home_ / "fragments/tiny/tiny-tuned.gguf").string());
  EXPECT_TRUE(std::filesystem::exists(home_ / "curve.csv"));
  const auto card = run_json({"fragment", "inspect", "tiny-tuned"}, 0);
  EXPECT_EQ(card["recipe"], "train");
  EXPECT_EQ(card["strength"], 1.0);
  EXPECT_EQ(card["evidence"].size(), 0u);
  const auto loss = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"perplexity", "-m", "tiny.gguf", "-t", "1", "rows.jsonl"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_json(arguments, 0)["nll"].get<double>();
  };
  EXPECT_LT(loss({"-f", "tiny-tuned"}), 0.95 * loss({}));
}

TEST_F(Train, KilledOrStoppedAndResumedGivesTheSameFile) {
  const std::vector<std::string> more = {"--epochs", "200", "--checkpoint-every", "1", "-o"};
  auto whole = more, part = more;
  whole.emplace_back("whole.gguf");
  part.emplace_back("out.gguf");
  ASSERT_EQ(run(command(whole)).exit_code, 0);
  EXPECT_EQ(interrupted("INT", command(part)), "130\n");
  EXPECT_NE(read_file(home_ / "err.txt").find("--resume"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(home_ / "out.gguf"));
  EXPECT_EQ(run_json(command(part), 2)["error"]["code"], "failed_precondition");
  part.emplace_back("--resume");
  EXPECT_EQ(interrupted("KILL", command(part)), "137\n");
  ASSERT_EQ(run(command(part)).exit_code, 0);
  EXPECT_EQ(read_file(home_ / "out.gguf"), read_file(home_ / "whole.gguf"));
  EXPECT_FALSE(std::filesystem::exists(home_ / "out.gguf.checkpoint"));
}

TEST_F(Train, BadRowsAreNamedAndCanBeLeftOut) {
  write_file_atomic(home_ / "mixed.jsonl", "{\"text\": \"good one\"}\nnot json\n{\"text\": \"another good one\"}\n{}\n");
  auto arguments = command({"--epochs", "2"});
  arguments[6] = "mixed.jsonl";
  const auto error = run_json(arguments, 2)["error"];
  EXPECT_EQ(error["code"], "invalid_argument");
  const auto message = error["message"].get<std::string>();
  EXPECT_NE(message.find("2 of 4 rows are bad: line 2: not valid JSON; line 4:"), std::string::npos) << message;
  EXPECT_NE(error["fix"].get<std::string>().find("--skip-bad"), std::string::npos);
  arguments.emplace_back("--skip-bad");
  const auto json = run_json(arguments, 0);
  EXPECT_EQ(json["examples"], 2);
  EXPECT_EQ(json["bad_rows"][1]["line"], 4);
}

TEST_F(Train, WhatCannotWorkIsRefused) {
  const auto code = [&](std::vector<std::string> arguments, int exit) {
    return run_json(std::move(arguments), exit)["error"]["code"].get<std::string>();
  };
  EXPECT_EQ(code({"train", "-m", "tiny.gguf", "--name", "x"}, 2), "invalid_argument");
  EXPECT_EQ(code({"train", "-m", "tiny.gguf", "--name", "x", "--data", "nowhere.jsonl"}, 2), "not_found");
  EXPECT_EQ(code({"train", "-m", "tiny.gguf", "--data", "rows.jsonl"}, 2), "invalid_argument");
  EXPECT_EQ(code(command({"--reg", "magic"}), 2), "invalid_argument");
  EXPECT_EQ(code(command({"--reg", "ewc", "--reg-strength", "1"}), 2), "invalid_argument");
  EXPECT_EQ(code(command({"--phases", "p.toml"}), 1), "unimplemented");
  EXPECT_EQ(code(command({"--resume"}), 2), "not_found");
  EXPECT_EQ(code(command({"--data", "rows.jsonl:0"}), 2), "invalid_argument");
  EXPECT_EQ(code(command({"-o", "nowhere/out.gguf"}), 2), "not_found");
}

}  // namespace
}  // namespace aicoder::test
