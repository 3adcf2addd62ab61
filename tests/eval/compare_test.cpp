#include "aicoder/eval.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

EvalReport report(const std::string& suite, const std::vector<std::pair<std::string, bool>>& items) {
  EvalReport result;
  result.suite = suite;
  for (const auto& [id, passed] : items) {
    EvalItem item;
    item.id = id;
    item.passed = passed;
    result.items.push_back(item);
  }
  return result;
}

TEST(Compare, CountsThePairsByIdWhateverTheirOrder) {
  const auto a = report("mbpp", {{"1", true}, {"2", true}, {"3", false}, {"4", false}, {"only a", true}});
  const auto b = report("mbpp", {{"4", true}, {"3", false}, {"2", false}, {"1", true}, {"only b", false}});
  const auto c = compare(a, b);
  EXPECT_EQ(c.n, 4u);
  EXPECT_EQ(c.both, 1u);
  EXPECT_EQ(c.only_a, 1u);
  EXPECT_EQ(c.only_b, 1u);
  EXPECT_EQ(c.neither, 1u);
  EXPECT_EQ(c.delta, 0.0);
  EXPECT_EQ(c.p_mcnemar, 1.0);
}

TEST(Compare, DeltaIsBMinusAAndLiesInItsInterval) {
  EvalReport a = report("mbpp", {}), b = a;
  for (int i = 0; i < 50; ++i) {
    EvalItem item;
    item.id = std::to_string(i);
    item.passed = i < 20;
    a.items.push_back(item);
    item.passed = i < 30;
    b.items.push_back(item);
  }
  const auto c = compare(a, b);
  EXPECT_NEAR(c.delta, 0.2, 1e-12);
  EXPECT_EQ(c.only_b, 10u);
  EXPECT_NEAR(c.p_mcnemar, 2.0 / 1024, 1e-12);
  EXPECT_LT(c.ci95[0], c.delta);
  EXPECT_GT(c.ci95[1], c.delta);
  EXPECT_NEAR(compare(b, a).delta, -0.2, 1e-12);
}

TEST(Compare, AnIdListedTwiceCountsOnce) {
  const auto c = compare(report("mbpp", {{"1", true}}), report("mbpp", {{"1", true}, {"1", false}}));
  EXPECT_EQ(c.n, 1u);
}

TEST(Compare, OtherSuitesAreRefused) {
  EXPECT_ERROR(compare(report("mbpp", {{"1", true}}), report("humaneval", {{"1", true}})), ErrorCode::kInvalidArgument, "suites differ");
}

TEST(Compare, RunsWithoutASharedTaskAreRefused) {
  EXPECT_ERROR(compare(report("mbpp", {{"1", true}}), report("mbpp", {{"2", true}})), ErrorCode::kInvalidArgument, "share no task");
}

TEST(Compare, OneIdForTwoTasksIsRefused) {
  auto a = report("mbpp", {{"1", true}}), b = a;
  a.items[0].task_hash = "aaaa";
  b.items[0].task_hash = "bbbb";
  EXPECT_ERROR(compare(a, b), ErrorCode::kInvalidArgument, "not the same task");
}

}  // namespace
}  // namespace aicoder
