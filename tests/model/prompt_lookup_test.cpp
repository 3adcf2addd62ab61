#include "model/prompt_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace aicoder {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PromptLookup, DraftsWhatFollowedTheLastTokensBefore) {
  const std::vector<Token> tokens = {1, 2, 3, 4, 5, 6, 1, 2, 3};
  EXPECT_THAT(look_up(tokens, 2), ElementsAre(4, 5));
  EXPECT_THAT(look_up(tokens, 100), ElementsAre(4, 5, 6, 1, 2, 3)) << "it may run into the end";
}

TEST(PromptLookup, TwoTokensAlikeAreNoMatch) {
  EXPECT_THAT(look_up(std::vector<Token>{1, 2, 3, 9, 2, 3}, 4), IsEmpty());
  EXPECT_THAT(look_up(std::vector<Token>{7, 7}, 4), IsEmpty());
  EXPECT_THAT(look_up(std::vector<Token>{}, 4), IsEmpty());
}

TEST(PromptLookup, NothingIsAskedFor) { EXPECT_THAT(look_up(std::vector<Token>{1, 2, 3, 4, 1, 2, 3}, 0), IsEmpty()); }

TEST(PromptLookup, TheLongerMatchWinsOverTheLaterOne) {
  //                              long match -> 5        short match -> 8
  const std::vector<Token> tokens = {1, 2, 3, 4, 5, 0, 2, 3, 4, 8, 0, 0, 1, 2, 3, 4};
  EXPECT_THAT(look_up(tokens, 1), ElementsAre(5));
}

TEST(PromptLookup, OfEquallyLongMatchesTheLatest) {
  const std::vector<Token> tokens = {1, 2, 3, 4, 0, 1, 2, 3, 5, 9, 1, 2, 3};
  EXPECT_THAT(look_up(tokens, 1), ElementsAre(5));
}

TEST(PromptLookup, OneTokenAgainAndAgainDraftsItself) {
  const std::vector<Token> tokens(20, 7);
  EXPECT_THAT(look_up(tokens, 3), ElementsAre(7)) << "the latest match is one token back: one token follows it";
}

/// Every draft by the definition, over all places and lengths.
std::vector<Token> slow_look_up(const std::vector<Token>& tokens, size_t most) {
  for (size_t length = 8; length >= 3; --length) {
    if (tokens.size() <= length) continue;
    for (size_t begin = tokens.size() - length; begin-- > 0;) {
      if (!std::equal(tokens.end() - static_cast<ptrdiff_t>(length), tokens.end(), tokens.begin() + static_cast<ptrdiff_t>(begin)))
        continue;
      const size_t from = begin + length;
      return {tokens.begin() + static_cast<ptrdiff_t>(from), tokens.begin() + static_cast<ptrdiff_t>(std::min(tokens.size(), from + most))};
    }
  }
  return {};
}

TEST(PromptLookup, IsWhatTheDefinitionGives) {
  std::mt19937 random(5);
  size_t found = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<Token> tokens(random() % 60);
    for (auto& token : tokens) token = static_cast<Token>(random() % 3);
    const size_t most = random() % 6 + 1;
    const auto draft = look_up(tokens, most);
    EXPECT_EQ(std::vector<Token>(draft.begin(), draft.end()), slow_look_up(tokens, most));
    found += draft.empty() ? 0 : 1;
  }
  EXPECT_GT(found, 1000u);
}

TEST(PromptLookup, DraftsGrowWhileTheyAreRightAndShrinkWhenNot) {
  EXPECT_EQ(next_draft_limit(4, 4, 4, 16), 8u);
  EXPECT_EQ(next_draft_limit(12, 12, 12, 16), 16u);
  EXPECT_EQ(next_draft_limit(16, 16, 3, 16), 4u);
  EXPECT_EQ(next_draft_limit(16, 16, 0, 16), 1u);
  EXPECT_EQ(next_draft_limit(5, 0, 0, 16), 5u) << "nothing was drafted, nothing learned";
}

}  // namespace
}  // namespace aicoder
