// The same tests, the same verdicts, without root.
#include "sandbox/as_ordinary_user.h"

namespace aicoder {
namespace {

TEST(AsOrdinaryUser, EveryOtherTestOfThisProgramPasses) {
  if (::geteuid() != 0) GTEST_SKIP() << "already an ordinary user";
  const auto [code, out] = test::run_as_ordinary_user("-AsOrdinaryUser.*");
  EXPECT_EQ(code, 0) << out;
  EXPECT_NE(out.find("BoxLimit.AForkBombIsStopped"), std::string::npos) << "the tests ran";
}

}  // namespace
}  // namespace aicoder
