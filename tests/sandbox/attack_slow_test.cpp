// Every attack of the suite, as root and as an ordinary user: a minute or two each on a loaded machine.
#include "sandbox/as_ordinary_user.h"

namespace aicoder {
namespace {

TEST(AttackSuiteWhole, IsContained) {
  const AttackReport report = run_attacks();
  EXPECT_EQ(report.count(AttackOutcome::kEscaped), 0U) << test::table(report);
  EXPECT_EQ(report.count(AttackOutcome::kInconclusive), 0U) << test::table(report);
  EXPECT_GE(report.counted(), 80U) << "too many attacks do not work outside on this kernel\n" << test::table(report);
  std::printf("%s on %s: %zu counted, %zu contained\n", report.user.c_str(), report.kernel.c_str(), report.counted(),
              report.count(AttackOutcome::kContained));
}

TEST(AttackSuiteWhole, IsContainedAsOrdinaryUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "already an ordinary user";
  const auto [code, out] = test::run_as_ordinary_user("AttackSuiteWhole.IsContained");
  EXPECT_EQ(code, 0) << out;
  EXPECT_NE(out.find("uid 54321 on"), std::string::npos) << out;
}

}  // namespace
}  // namespace aicoder
