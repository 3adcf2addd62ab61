#include "model/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "support/error_matcher.h"

namespace aicoder {
namespace {

/// Share of each token over many draws.
std::map<Token, double> frequencies(const SamplingOptions& options, const std::vector<float>& logits, int n = 20000) {
  TokenSampler sampler(options, 1, nullptr);
  std::map<Token, double> share;
  for (int i = 0; i < n; ++i) share[sampler.sample(logits)] += 1.0 / n;
  return share;
}

TEST(TokenSampler, GreedyTakesTheLargestLogit) {
  TokenSampler sampler({}, 0, nullptr);
  EXPECT_EQ(sampler.sample(std::vector<float>{0, 2, 1, 2}), 1);
}

TEST(TokenSampler, DrawsFollowSoftmaxOfLogitsOverTemperature) {
  const std::vector<float> logits{0, 1, 2, -1};
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit / 0.7);
  const auto share = frequencies({.temperature = 0.7f}, logits);
  for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(share.at(static_cast<Token>(i)), std::exp(logits[i] / 0.7) / sum, 0.015);
}

TEST(TokenSampler, HighTemperatureStillReachesUnlikelyTokens) {
  const auto share = frequencies({.temperature = 50.0f}, {0, -60});
  EXPECT_NEAR(share.at(1), std::exp(-60.0 / 50) / (1 + std::exp(-60.0 / 50)), 0.015);
}

TEST(TokenSampler, TopKKeepsTheKBest) {
  const auto share = frequencies({.temperature = 1.0f, .top_k = 2}, {1, 3, 2, 0});
  EXPECT_EQ(share.size(), 2u);
  EXPECT_NEAR(share.at(1), 1 / (1 + std::exp(-1.0)), 0.015);
}

TEST(TokenSampler, TopPKeepsTheSmallestSetThatReachesP) {
  // Probabilities 0.5, 0.3, 0.15, 0.05.
  const std::vector<float> logits{std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  EXPECT_EQ(frequencies({.temperature = 1.0f, .top_p = 0.79f}, logits).size(), 2u);
  EXPECT_EQ(frequencies({.temperature = 1.0f, .top_p = 0.81f}, logits).size(), 3u);
  EXPECT_EQ(frequencies({.temperature = 1.0f, .top_p = 0.01f}, logits).size(), 1u);
}

TEST(TokenSampler, MinPIsRelativeToTheBest) {
  const std::vector<float> logits{std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  EXPECT_EQ(frequencies({.temperature = 1.0f, .min_p = 0.25f}, logits).size(), 3u);
  EXPECT_EQ(frequencies({.temperature = 1.0f, .min_p = 0.5f}, logits).size(), 2u);
}

TEST(TokenSampler, TopPIsMeasuredBeforeMinPCuts) {
  // min_p 0.25 leaves 0.95 of the mass; top_p 0.96 of the whole needs the fourth token too, so it cuts nothing more.
  const std::vector<float> logits{std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  EXPECT_EQ(frequencies({.temperature = 1.0f, .top_p = 0.96f, .min_p = 0.25f}, logits).size(), 3u);
}

TEST(TokenSampler, SameSeedSameDraws) {
  const std::vector<float> logits(100, 0.0f);
  TokenSampler a({.temperature = 1.0f}, 42, nullptr), b({.temperature = 1.0f}, 42, nullptr), c({.temperature = 1.0f}, 43, nullptr);
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const Token from_a = a.sample(logits);
    EXPECT_EQ(from_a, b.sample(logits));
    differs = differs || from_a != c.sample(logits);
  }
  EXPECT_TRUE(differs);
}

TEST(TokenSampler, RepeatPenaltyLowersRecentTokensOnly) {
  TokenSampler sampler({.repeat_penalty = 2.0f}, 0, nullptr);
  const std::vector<float> logits{4, 3, -1};
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits), 1) << "4 / 2 is below 3";
  const std::vector<float> negative{-1, -1.5f};
  EXPECT_EQ(sampler.sample(negative), 1) << "a negative logit is multiplied: -2 is below -1.5";
  for (int i = 0; i < 64; ++i) sampler.accept(2);
  EXPECT_EQ(sampler.sample(logits), 0) << "64 tokens later it counts no more";
}

TEST(TokenSampler, SurvivesLogitsThatAreNoNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  TokenSampler sampler({.temperature = 1.0f, .top_k = 2, .top_p = 0.9f}, 0, nullptr);
  for (const auto& logits : {std::vector<float>{nan, nan, nan}, std::vector<float>{-inf, -inf, -inf}, std::vector<float>{nan, 1, -inf}}) {
    const Token token = sampler.sample(logits);
    EXPECT_GE(token, 0);
    EXPECT_LT(token, 3);
  }
}

TEST(CheckSampling, RefusesValuesOutOfRangeByName) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(check_sampling({.temperature = -0.1f}), ErrorCode::kInvalidArgument, "temperature");
  EXPECT_ERROR(check_sampling({.temperature = nan}), ErrorCode::kInvalidArgument, "temperature");
  EXPECT_ERROR(check_sampling({.top_k = -1}), ErrorCode::kInvalidArgument, "top_k");
  EXPECT_ERROR(check_sampling({.top_p = 0.0f}), ErrorCode::kInvalidArgument, "top_p");
  EXPECT_ERROR(check_sampling({.top_p = 1.1f}), ErrorCode::kInvalidArgument, "top_p");
  EXPECT_ERROR(check_sampling({.min_p = nan}), ErrorCode::kInvalidArgument, "min_p");
  EXPECT_ERROR(check_sampling({.repeat_penalty = 0.0f}), ErrorCode::kInvalidArgument, "repeat_penalty");
  EXPECT_NO_THROW(check_sampling({}));
}

}  // namespace
}  // namespace aicoder
