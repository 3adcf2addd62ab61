#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/program.h"

namespace aicoder::test {
namespace {

using SandboxCommand = Program;

TEST_F(SandboxCommand, ReportsTheVerdictAndEveryField) {
  const auto json = run_json({"sandbox", "run"}, 2);
  EXPECT_EQ(json["error"]["code"], "invalid_argument");
  const auto result = run({"sandbox", "run", "--json", "--", "python3", "-c", "print('--json is mine')"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  const auto ok = nlohmann::json::parse(result.out);
  EXPECT_EQ(ok["verdict"], "OK");
  EXPECT_EQ(ok["stdout"], "--json is mine\n");
  EXPECT_EQ(ok["sandbox_level"], "L3");
  for (const char* field : {"exit_code", "stderr", "cpu_ms", "wall_ms", "peak_bytes"}) EXPECT_TRUE(ok.contains(field)) << field;
}

TEST_F(SandboxCommand, OtherVerdictsExit1) {
  const auto result = run({"sandbox", "run", "--json", "--wall", "0.5", "--", "sleep", "60"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(nlohmann::json::parse(result.out)["verdict"], "TLE_WALL");
}

TEST_F(SandboxCommand, TheFolderIsCopiedNotWritten) {
  std::filesystem::create_directories(home_ / "project");
  write_file_atomic(home_ / "project/a.txt", "mine");
  const auto result = run({"sandbox", "run", "--dir", (home_ / "project").string(), "--", "sh", "-c", "cat a.txt; echo theirs > a.txt"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "mine");
  EXPECT_EQ(read_file(home_ / "project/a.txt"), "mine");
}

TEST_F(SandboxCommand, AttacksItselfAndSaysHowItWent) {
  const auto json = run_json({"sandbox", "attack", "network.http", "secrets.environment"}, 0);
  EXPECT_EQ(json["tight"], true);
  EXPECT_EQ(json["counted"], 2);
  EXPECT_EQ(json["contained"], 2);
  ASSERT_EQ(json["attacks"].size(), 2U);
  for (const char* field : {"name", "group", "about", "outcome", "outside", "inside", "seconds"}) {
    EXPECT_TRUE(json["attacks"][0].contains(field)) << field;
  }
  EXPECT_GE(run_json({"sandbox", "attack", "--list"}, 0)["attacks"].size(), 150U);
  EXPECT_EQ(run_json({"sandbox", "attack", "nonsense"}, 2)["error"]["code"], "not_found");
}

TEST_F(SandboxCommand, BenchMeasuresAndLeavesNothing) {
  const auto json = run_json({"bench", "sandbox", "--runs", "12"}, 0);
  EXPECT_EQ(json["clean"], true) << json;
  EXPECT_EQ(json["runs"], 12);
  EXPECT_GT(json["box_ms"], json["bare_ms"]) << json;
  for (const char* field : {"overhead_ms", "overhead_p95_ms", "bare_cpu_ms", "box_cpu_ms", "load", "left"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
}

/// What a terminal gets from the program.
std::string on_terminal(std::vector<std::string> argv, const std::map<std::string, std::string>& env) {
  int master = -1;
  const pid_t pid = ::forkpty(&master, nullptr, nullptr, nullptr);
  if (pid == 0) {
    for (const auto& [name, value] : env) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> words;
    for (auto& word : argv) words.push_back(word.data());
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(master, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  ::close(master);
  ::waitpid(pid, nullptr, 0);
  return text;
}

TEST_F(SandboxCommand, EscapeSequencesOfTheProgramDoNotReachTheTerminal) {
  const std::string code = "import sys; print('\\033]52;c;cm0=\\a'); print('\\033[8mhidden', file=sys.stderr)";
  const std::string program = std::string(AICODER_BINARY_DIR) + "/bin/aicoder";
  const std::string shown = on_terminal({program, "sandbox", "run", "--", "python3", "-c", code}, env_);
  EXPECT_NE(shown.find("]52;c;cm0="), std::string::npos) << "it ran: " << shown;
  EXPECT_EQ(shown.find("\033]52"), std::string::npos) << "the clipboard was set";
  EXPECT_EQ(shown.find("\033[8m"), std::string::npos);
  // In a pipe the bytes are the program's own.
  EXPECT_NE(run({"sandbox", "run", "--", "python3", "-c", code}).out.find("\033]52"), std::string::npos);
}

}  // namespace
}  // namespace aicoder::test
