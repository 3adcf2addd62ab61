#include "train/examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "support/error_matcher.h"

namespace aicoder::test {
namespace {

using namespace train;
using ::testing::ElementsAre;

Example example(size_t n, Token token = 5) {
  Example e{.tokens = std::vector<Token>(n, token), .trained = std::vector<uint8_t>(n, 1)};
  return e;
}

TEST(MakeBatch, TargetsArePredictedWithinASegmentAndPaddingIsApart) {
  Example first{.tokens = {10, 11, 12}, .trained = {0, 0, 1}}, second{.tokens = {20, 21}, .trained = {1, 1}};
  const std::vector<const Example*> both{&first, &second};
  const Batch batch = make_batch(both, 8);
  EXPECT_THAT(batch.tokens, ElementsAre(10, 11, 12, 20, 21, 0, 0, 0));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0, 1, 0, 0, 0));
  EXPECT_THAT(batch.segments, ElementsAre(0, 0, 0, 1, 1, -1, -1, -1));
  EXPECT_THAT(batch.targets, ElementsAre(-1, 12, -1, 21, -1, -1, -1, -1));
  EXPECT_EQ(batch.n_trained, 2u);
  EXPECT_EQ(batch.n_tokens, 5u);
}

TEST(MakeBatch, EmptyOrUnevenExamplesAreRefused) {
  EXPECT_ERROR(make_batch({}), ErrorCode::kInvalidArgument, "no tokens");
  const Example uneven{.tokens = {1, 2}, .trained = {1}};
  const std::vector<const Example*> one{&uneven};
  EXPECT_ERROR(make_batch(one), ErrorCode::kInvalidArgument, "no tokens, or no mask");
}

TEST(MakePlan, EachEpochUsesEachExampleOnceAndNoPassIsTooLong) {
  std::vector<Example> examples;
  for (size_t i = 0; i < 50; ++i) examples.push_back(example(3 + i % 29));
  const std::vector<PlanSource> sources{{0, 50, 1}};
  const Plan plan = make_plan(examples, sources, 2, 32, 1);
  std::vector<size_t> used(50);
  for (const auto& pass : plan.passes) {
    size_t n = 0;
    for (const size_t i : pass) {
      ++used[i];
      n += examples[i].tokens.size();
    }
    EXPECT_LE(n, 32u);
  }
  for (const size_t n : used) EXPECT_EQ(n, 2u);
}

TEST(MakePlan, WeightsSayHowOftenASourceIsUsed) {
  std::vector<Example> examples(60, example(4));
  const std::vector<PlanSource> sources{{0, 20, 0.5}, {20, 40, 1.5}};
  const Plan plan = make_plan(examples, sources, 1, 32, 7);
  std::vector<size_t> used(60);
  for (const auto& pass : plan.passes) {
    for (const size_t i : pass) ++used[i];
  }
  EXPECT_EQ(std::accumulate(used.begin(), used.begin() + 20, size_t{0}), 10u);
  EXPECT_EQ(std::accumulate(used.begin() + 20, used.end(), size_t{0}), 60u);
  for (size_t i = 20; i < 60; ++i) EXPECT_GE(used[i], 1u);
}

TEST(MakePlan, SeedChoosesTheOrder) {
  std::vector<Example> examples(40, example(8));
  const std::vector<PlanSource> sources{{0, 40, 1}};
  const auto passes = [&](uint64_t seed) { return make_plan(examples, sources, 1, 32, seed).passes; };
  EXPECT_EQ(passes(1), passes(1));
  EXPECT_NE(passes(1), passes(2));
}

TEST(MakePlan, PartOfAnEpochTakesPartOfTheExamples) {
  std::vector<Example> examples(40, example(8));
  const std::vector<PlanSource> sources{{0, 40, 1}};
  size_t n = 0;
  for (const auto& pass : make_plan(examples, sources, 0.25, 32, 3).passes) n += pass.size();
  EXPECT_EQ(n, 10u);
}

}  // namespace
}  // namespace aicoder::test
