// The real bandit, which `make setup` brings.
#include "eval/bandit.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::eval {
namespace {

TEST(Bandit, SaysItsVersion) { EXPECT_THAT(Bandit().version(), testing::StartsWith("bandit ")); }

TEST(Bandit, CountsFindingsBySeverity) {
  const auto report = Bandit().scan("import pickle\n\ndef load(data):\n    assert data\n    return pickle.loads(data)\n", {});
  EXPECT_TRUE(report.scanned);
  EXPECT_EQ(report.medium, 1u);
  EXPECT_EQ(report.high, 0u);
  EXPECT_EQ(report.low, 2u);  // the import and the assert
  EXPECT_THAT(report.findings, testing::ElementsAre("B301 MEDIUM line 5"));
}

TEST(Bandit, ACleanProgramHasNone) {
  const auto report = Bandit().scan("def add(a, b):\n    return a + b\n", {});
  EXPECT_TRUE(report.scanned);
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.low + report.medium + report.high, 0u);
}

TEST(Bandit, NosecHidesNothing) { EXPECT_EQ(Bandit().scan("import hashlib\n\nx = hashlib.md5(b'')  # nosec\n", {}).high, 1u); }

TEST(Bandit, AProgramThatDoesNotParseIsNotScanned) {
  const auto report = Bandit().scan("def f(:\n", {});
  EXPECT_FALSE(report.scanned);
  EXPECT_NE(report.reason, "");
}

TEST(Bandit, AMissingOneIsRefusedWithTheCommandThatInstallsIt) {
  try {
    const Bandit none("/no/such/bandit");
    ADD_FAILURE() << "threw nothing";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_EQ(error.fix(), "scripts/setup/python.sh bandit");
  }
  EXPECT_ERROR(Bandit("/bin/false"), ErrorCode::kNotFound, "/bin/false is no bandit that runs");
}

TEST(Bandit, OneThatGivesNoReportFailsTheScan) {
  const test::TempDir dir;
  const auto program = dir / "bandit";
  std::ofstream(program) << "#!/bin/sh\n[ \"$1\" = --version ] && echo bandit 0.0.0 && exit 0\necho broken >&2\nexit 7\n";
  ::chmod(program.c_str(), 0755);
  const Bandit bandit(program);
  EXPECT_EQ(bandit.version(), "bandit 0.0.0");
  EXPECT_ERROR(bandit.scan("x = 1\n", {}), ErrorCode::kUnavailable, "exit code 7");
}

}  // namespace
}  // namespace aicoder::eval
