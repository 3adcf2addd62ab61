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

}  // namespace
}  // namespace aicoder::test
