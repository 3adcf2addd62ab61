#include <gtest/gtest.h>

#include "aicoder/fragment.h"

namespace aicoder {
namespace {

FragmentInfo with(const std::vector<Evidence>& evidence, float strength = 0.1f) {
  FragmentInfo info;
  info.name = "coder";
  info.strength = strength;
  info.evidence = evidence;
  return info;
}
Evidence on(const std::string& suite, double off, double on, double p, float strength = 0.1f) { return {suite, 100, off, on, p, strength}; }

TEST(Standing, WhatChoseAStrengthDoesNotJudgeIt) {
  EXPECT_EQ(standing(with({})), Standing::kNotJudged);
  EXPECT_EQ(standing(with({on("mbpp[601..]", 0.4, 0.6, 0.001)})), Standing::kNotJudged);
  EXPECT_EQ(standing(with({on("humaneval", 0.4, 0.6, 0.001, 0.3f)})), Standing::kNotJudged) << "of another strength";
  EXPECT_EQ(standing(with({on("humaneval", 0.4, 0.6, 0.001, 0.0f)}, 0.0f)), Standing::kNotJudged) << "strength 0 is the base";
}

TEST(Standing, ADifferenceIsOneBeyondChanceForSoManySuites) {
  EXPECT_EQ(standing(with({on("humaneval", 0.4, 0.5, 0.04)})), Standing::kHelps);
  EXPECT_EQ(standing(with({on("humaneval", 0.4, 0.5, 0.04), on("mbpp", 0.4, 0.41, 0.9)})), Standing::kNoDifference) << "0.05 / 2";
  EXPECT_EQ(standing(with({on("humaneval", 0.4, 0.5, 0.02), on("mbpp", 0.4, 0.39, 0.9)})), Standing::kHelps);
  EXPECT_EQ(standing(with({on("humaneval", 0.4, 0.41, 0.9)})), Standing::kNoDifference);
}

TEST(Standing, HarmIsNotOutweighed) {
  EXPECT_EQ(standing(with({on("humaneval", 0.5, 0.4, 0.04)})), Standing::kHarms);
  EXPECT_EQ(standing(with({on("humaneval", 0.5, 0.4, 0.04), on("gsm8k", 0.3, 0.4, 0.001)})), Standing::kMixed);
}

TEST(FragmentCard, SaysWhatItIsAndWhatWasMeasured) {
  FragmentInfo info = with({on("humaneval", 0.5, 0.4, 0.04), on("mbpp[601..]", 0.4, 0.5, 0.3)});
  info.role = "coder";
  info.recipe = "contrast";
  info.base_name = "Tiny | base";
  info.base_fingerprint = "0123456789abcdef0123";
  info.keep = 0.2;
  info.rank = 16;
  info.tensors = {{"blk.0.attn_q.weight", 16, 0.25}, {"blk.0.attn_k.weight", 16, 0.75}};
  info.calibration_hashes = {"aaaabbbbccccddddeeee"};
  const std::string card = fragment_card(info);
  EXPECT_NE(card.find("# Fragment coder\n\n**harms.** It made the model worse"), std::string::npos) << card;
  EXPECT_NE(card.find("| base | Tiny \\| base, fingerprint 0123456789abcdef; refused on any other |"), std::string::npos) << card;
  EXPECT_NE(card.find("| made by | contrast, keep 0.2, rank 16 |"), std::string::npos);
  EXPECT_NE(card.find("50.0 % on average over 2 tensors"), std::string::npos);
  EXPECT_NE(card.find("| humaneval | 100 | 50.0 % | 40.0 % | -10.0 | 0.04 | 0.1 |"), std::string::npos) << card;
  EXPECT_NE(card.find("| calibration (hash of the texts) | aaaabbbbccccdddd |"), std::string::npos);
  info.evidence.clear();
  EXPECT_NE(fragment_card(info).find("None: nothing has been measured"), std::string::npos);
}

}  // namespace
}  // namespace aicoder
