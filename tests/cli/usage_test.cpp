// Help, flags and refusals of the real program; no model needed.
#include "cli/program.h"

namespace aicoder::test {
namespace {

using Usage = Program;

TEST_F(Usage, VersionNamesTheEngine) {
  const auto result = run({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("aicoder " + std::string(kVersion)), std::string::npos);
  EXPECT_NE(result.out.find("llama.cpp"), std::string::npos);
}

TEST_F(Usage, EveryCommandExplainsItself) {
  const std::vector<std::vector<std::string>> commands = {{"doctor"},
                                                          {"pull"},
                                                          {"models"},
                                                          {"models", "rm"},
                                                          {"cache", "prune"},
                                                          {"run"},
                                                          {"chat"},
                                                          {"resume"},
                                                          {"undo"},
                                                          {"sessions"},
                                                          {"eval", "power"},
                                                          {"fragment", "ablate"},
                                                          {"fragment", "build"},
                                                          {"fragment", "capture"},
                                                          {"fragment", "eval"},
                                                          {"fragment", "inspect"},
                                                          {"fragment", "card"},
                                                          {"fragment", "list"},
                                                          {"fragment", "set"},
                                                          {"fragment", "shelf"},
                                                          {"fragment", "proxies"},
                                                          {"fragment", "search"},
                                                          {"fragment", "select"},
                                                          {"fragment", "self"},
                                                          {"fragment", "diff"},
                                                          {"fragment", "export"},
                                                          {"fragment", "import"},
                                                          {"fragment", "merge"},
                                                          {"perplexity"},
                                                          {"eval", "humaneval"},
                                                          {"eval", "mbpp"},
                                                          {"eval", "gsm8k"},
                                                          {"eval", "quixbugs"},
                                                          {"eval", "security"},
                                                          {"eval", "compare"},
                                                          {"sandbox", "run"},
                                                          {"bench", "generate"},
                                                          {"completion"}};
  for (auto command : commands) {
    std::string name = "aicoder";
    for (const auto& word : command) name += " " + word;
    command.emplace_back("--help");
    const auto result = run(command);
    EXPECT_EQ(result.exit_code, 0) << name;
    EXPECT_NE(result.out.find("Usage: " + name), std::string::npos) << name << result.out;
    EXPECT_NE(result.out.find("Exit codes: 0 ok"), std::string::npos) << result.out;
    EXPECT_EQ(result.err, "") << name;
  }
}

TEST_F(Usage, WrongFlagsExit2WithTheCommandsHelpAsTheFix) {
  const auto text = run({"run", "--no-such-flag", "task"});
  EXPECT_EQ(text.exit_code, 2);
  EXPECT_EQ(text.out, "");
  EXPECT_NE(text.err.find("fix: aicoder run --help"), std::string::npos) << text.err;
  const auto json = run_json({"run", "--candidates", "0", "task"}, 2);
  EXPECT_EQ(json["error"]["code"], "invalid_argument");
  EXPECT_EQ(json["error"]["fix"], "aicoder run --help");
  EXPECT_EQ(run_json({"fragment", "inspect", "a", "b"}, 2)["error"]["fix"], "aicoder fragment inspect --help");
  EXPECT_EQ(run_json({"no-such-command"}, 2)["error"]["code"], "invalid_argument");
}

TEST_F(Usage, JsonFlagStandsAnywhereBeforeTheDoubleDash) {
  const auto before = run({"--json", "sessions"});
  const auto after = run({"sessions", "--json"});
  EXPECT_EQ(before.out, after.out);
  EXPECT_EQ(nlohmann::json::parse(before.out)["sessions"].size(), 0U);
}

TEST_F(Usage, MissingModelSaysHowToGetIt) {
  const auto json = run_json({"run", "hello"}, 2);
  EXPECT_EQ(json["error"]["code"], "not_found");
  EXPECT_EQ(json["error"]["fix"], "aicoder pull qwen2.5-coder-1.5b");
}

TEST_F(Usage, ModelsListsTheCatalog) {
  const auto json = run_json({"models"}, 0);
  bool found = false;
  for (const auto& model : json["models"]) {
    if (model["name"] == "smollm2-135m") {
      found = true;
      EXPECT_EQ(model["installed"], false);
      EXPECT_EQ(model["bytes"], 98362432);
      EXPECT_EQ(model["licence"], "Apache-2.0");
    }
  }
  EXPECT_TRUE(found);
}

TEST_F(Usage, PullWithoutNetworkIsAClearErrorAndLeavesNothing) {
  env_["AICODER_OFFLINE"] = "1";
  const auto json = run_json({"pull", "smollm2-135m"}, 1);
  EXPECT_EQ(json["error"]["code"], "unavailable");
  EXPECT_FALSE(std::filesystem::exists(home_ / "models/smollm2-135m.gguf"));
  EXPECT_EQ(run_json({"pull", "no-such-model"}, 2)["error"]["code"], "not_found");
}

TEST_F(Usage, BrokenModelFileIsRefused) {
  write_file_atomic(home_ / "broken.gguf", "GGUF but not really");
  const auto json = run_json({"run", "-m", (home_ / "broken.gguf").string(), "hello"}, 2);
  EXPECT_EQ(json["error"]["code"], "data_loss");
  EXPECT_EQ(run_json({"run", "-m", (home_ / "none.gguf").string(), "hello"}, 2)["error"]["code"], "not_found");
}

TEST_F(Usage, MissingFoldersAndFilesAreRefused) {
  EXPECT_EQ(run_json({"run", "--dir", "nowhere", "hello"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"perplexity", "nowhere.txt"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"fragment", "inspect", "nowhere"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"eval", "compare", "a", "b"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"resume", "20000101-000000-0000"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"undo", "--dir", home_.path().string()}, 2)["error"]["code"], "not_found");
}

TEST_F(Usage, WhatIsNotBuiltSaysSo) {
  for (const char* name : {"route", "worker"}) {
    EXPECT_EQ(run_json({name}, 1)["error"]["code"], "unimplemented") << name;
  }
}

TEST_F(Usage, BadConfigurationNamesTheLine) {
  std::filesystem::create_directories(home_ / "config");
  write_file_atomic(home_ / "config/config.toml", "modle = 1\n");
  const auto json = run_json({"sessions"}, 2);
  EXPECT_NE(json["error"]["message"].get<std::string>().find("line 1: unknown key 'modle'"), std::string::npos);
}

TEST_F(Usage, CompletionScriptIsValidBashAndKnowsTheCommands) {
  const auto script = run({"completion", "bash"}).out;
  const auto words = run_host_process(
      {.argv = {"bash", "-c", script + "\nCOMP_WORDS=(aicoder fragment b); COMP_CWORD=2; _aicoder; echo ${COMPREPLY[@]}"}});
  EXPECT_EQ(words.out, "build\n") << words.err;
}

}  // namespace
}  // namespace aicoder::test
