#include <gtest/gtest.h>

#include "aicoder/eval.h"

namespace aicoder {
namespace {

TEST(AddEvidence, ReplacesTheSameSuiteAtTheSameStrengthAndKeepsTheRest) {
  FragmentInfo info;
  info.evidence = {{"mbpp[601..]", 40, 0.5, 0.5, 1, 0.1f}, {"humaneval", 164, 0.5, 0.4, 0.03, 0.3f}, {"humaneval", 10, 0.1, 0.1, 1, 0.1f}};
  FragmentEffect effect{.fragment = {"coder", 0.1f}, .suites = {}, .texts = {}};
  SuiteEffect suite;
  suite.suite = "humaneval";
  suite.off.score = 0.5;
  suite.on.score = 0.6;
  suite.on_vs_off.n = 164;
  suite.on_vs_off.p_mcnemar = 0.2;
  effect.suites.push_back(suite);
  const auto evidence = add_evidence(info, effect);
  ASSERT_EQ(evidence.size(), 3u);
  EXPECT_EQ(evidence[0].suite, "mbpp[601..]");
  EXPECT_EQ(evidence[1].strength, 0.3f);
  EXPECT_EQ(evidence[2].suite, "humaneval");
  EXPECT_EQ(evidence[2].n, 164u);
  EXPECT_EQ(evidence[2].score_off, 0.5);
  EXPECT_EQ(evidence[2].score_on, 0.6);
  EXPECT_EQ(evidence[2].p_value, 0.2);
  EXPECT_EQ(evidence[2].strength, 0.1f);
}

}  // namespace
}  // namespace aicoder
