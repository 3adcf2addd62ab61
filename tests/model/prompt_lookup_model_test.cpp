// Drafts must not change an answer: only how many decodes it takes.
#include <gtest/gtest.h>
#include <llama.h>

#include <cmath>
#include <iostream>

#include "model/smollm.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::chat_tokens;
using test::small_context;
using test::smollm;

/// Text that says the same again: what prompt lookup is for.
const char* const kCopy =
    "Repeat this text word by word: The quick brown fox jumps over the lazy dog. The five boxing wizards jump quickly. Pack my box with "
    "five dozen liquor jugs. How vexingly quick daft zebras jump!";
const char* const kStory = "Write a short story about a lighthouse keeper and his cat.";

GenerateRequest request(const std::string& text, size_t lookup, const SamplingOptions& sampling = {}) {
  return {.prompt = chat_tokens(text), .max_tokens = 96, .sampling = sampling, .n_logprobs = 2, .lookup_tokens = lookup};
}

/// Logits move with the shape of a batch. Where two answers part, the two best tokens must be closer than that.
constexpr float kBatchNoise = 0.15f;
/// More so between tokens read in one piece and made one by one: every one of them has other KV then.
constexpr float kReadingNoise = 0.5f;
void expect_same_but_for_noise(const GenerateSample& plain, const GenerateSample& drafted, float noise = kBatchNoise) {
  const size_t n = std::min(plain.tokens.size(), drafted.tokens.size());
  for (size_t i = 0; i < n; ++i) {
    if (plain.tokens[i] == drafted.tokens[i]) {
      EXPECT_NEAR(plain.logprobs[i].logprob, drafted.logprobs[i].logprob, noise) << "token " << i;
      continue;
    }
    const auto& top = plain.logprobs[i].top;
    EXPECT_LT(top.at(0).second - top.at(1).second, noise) << "token " << i << " of " << n;
    return;
  }
  EXPECT_EQ(plain.tokens.size(), drafted.tokens.size());
  EXPECT_EQ(plain.text, drafted.text);
  EXPECT_EQ(plain.finish, drafted.finish);
}

TEST(PromptLookupDecoding, GreedyAnswersAreThoseWithoutDrafts) {
  Context context(smollm(), small_context());
  size_t drafted = 0, accepted = 0;
  for (const std::string text : {kCopy, kStory, "Count from 1 to 40.", "What is 2 + 2?"}) {
    context.clear();
    const auto plain = context.generate(request(text, 0));
    EXPECT_EQ(plain.drafted_tokens, 0u);
    for (const size_t most : {1, 4, 16}) {
      context.clear();
      const auto with = context.generate(request(text, most));
      expect_same_but_for_noise(plain.samples[0], with.samples[0]);
      EXPECT_LE(with.accepted_tokens, with.drafted_tokens);
      drafted += with.drafted_tokens;
      accepted += with.accepted_tokens;
    }
  }
  std::cout << "[lookup] " << accepted << " of " << drafted << " drafted tokens were right\n";
  EXPECT_GT(accepted, 50u) << "a test in which nothing is drafted shows nothing";
  EXPECT_LT(accepted, drafted) << "nor one in which nothing is rejected";
}

TEST(PromptLookupDecoding, SamplesTooWithTheSameSeed) {
  Context context(smollm(), small_context());
  const SamplingOptions sampling{.temperature = 0.7f, .top_p = 0.9f, .repeat_penalty = 1.05f, .seed = 11};
  // The first tokens: a later one may differ by the noise of a batch, and then the rest does.
  const auto plain = context.generate(request(kCopy, 0, sampling));
  context.clear();
  const auto with = context.generate(request(kCopy, 8, sampling));
  ASSERT_GT(with.drafted_tokens, 0u);
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(plain.samples[0].tokens.at(i), with.samples[0].tokens.at(i)) << i;
}

TEST(PromptLookupDecoding, StopStringsLimitsAndGrammarHoldInsideADraft) {
  Context context(smollm(), small_context());
  auto stop = request(kCopy, 16);
  stop.stop_strings = {"wizards jump"};
  const auto stopped = context.generate(stop);
  EXPECT_EQ(stopped.samples[0].finish, FinishReason::kStopString);
  EXPECT_EQ(stopped.samples[0].text.find("wizards jump"), std::string::npos);

  for (const size_t n : {1, 2, 3, 7, 8, 15, 16, 17, 30}) {
    context.clear();
    auto limited = request(kCopy, 16);
    limited.max_tokens = n;
    const auto result = context.generate(limited);
    ASSERT_EQ(result.samples[0].tokens.size(), n);
    EXPECT_EQ(result.samples[0].logprobs.size(), n);
  }

  context.clear();
  auto formed = request("Count from 1 to 40.", 16);
  formed.grammar = "root ::= (\"one two three four \")*";
  const auto result = context.generate(formed);
  ASSERT_GT(result.accepted_tokens, 0u);
  std::string expected;
  while (expected.size() < result.samples[0].text.size()) expected += "one two three four ";
  EXPECT_TRUE(expected.starts_with(result.samples[0].text)) << result.samples[0].text;
}

TEST(PromptLookupDecoding, WhatWasDraftedWronglyIsForgotten) {
  // Each line begins as the one before and goes on otherwise.
  const std::string kList = "Write ten lines. Each line says: The cat is a small animal. Use another animal in each line.";
  Context context(smollm(), small_context());
  const auto first = context.generate(request(kList, 16));
  ASSERT_LT(first.accepted_tokens, first.drafted_tokens);
  // What llama.cpp holds is what was said, all of it but the last token, which was not decoded.
  const size_t said = chat_tokens(kList).size() + first.samples[0].tokens.size();
  const auto held =
      static_cast<size_t>(llama_memory_seq_pos_max(llama_get_memory(static_cast<llama_context*>(context.native_handle())), 0)) + 1;
  EXPECT_LE(held, said);
  EXPECT_GE(held + 1, said);
  // A second turn over the first: were a rejected token still in the cache, it would be another answer than that of a new context.
  auto second = request(kList, 16);
  second.prompt.insert(second.prompt.end(), first.samples[0].tokens.begin(), first.samples[0].tokens.end());
  const auto more = smollm()->tokenize(" And then", {});
  second.prompt.insert(second.prompt.end(), more.begin(), more.end());
  const auto reused = context.generate(second);
  EXPECT_EQ(reused.reused_tokens, held);
  Context fresh(smollm(), small_context());
  expect_same_but_for_noise(fresh.generate(second).samples[0], reused.samples[0], kReadingNoise);
}

TEST(PromptLookupDecoding, EndsWhereTheContextEnds) {
  auto options = small_context();
  options.n_ctx_seq = 128;
  Context context(smollm(), options);
  auto full = request(kCopy, 16);
  full.max_tokens = 500;
  full.grammar = "root ::= (\"one two three four \")*";
  const auto result = context.generate(full);
  EXPECT_EQ(result.samples[0].finish, FinishReason::kLength);
  EXPECT_EQ(full.prompt.size() + result.samples[0].tokens.size(), 128u);
}

TEST(PromptLookupDecoding, OffInDeterministicContextsAndWhereSeveralAreAnswered) {
  auto deterministic = small_context(1, true);
  deterministic.lookup_tokens = 16;
  Context one(smollm(), deterministic);
  EXPECT_EQ(one.generate(request(kCopy, 16)).drafted_tokens, 0u);

  Context two(smollm(), small_context(2));
  auto pair = request(kCopy, 16);
  pair.n = 2;  // greedy: both are made side by side to the end
  EXPECT_EQ(two.generate(pair).drafted_tokens, 0u);
}

TEST(PromptLookupDecoding, TheContextsOptionIsTheDefault) {
  auto options = small_context();
  options.lookup_tokens = 8;
  Context context(smollm(), options);
  auto unsaid = request(kCopy, 0);
  unsaid.lookup_tokens.reset();
  EXPECT_GT(context.generate(unsaid).drafted_tokens, 0u);
  context.clear();
  EXPECT_EQ(context.generate(request(kCopy, 0)).drafted_tokens, 0u);
}

TEST(PromptLookupDecoding, EveryLogProbabilityIsToldOnceBeforeItsText) {
  Context context(smollm(), small_context());
  auto asked = request(kCopy, 16);
  std::vector<Token> told;
  std::string text;
  size_t at_text = 0;
  asked.on_logprob = [&](size_t sample, const TokenLogprob& logprob) {
    EXPECT_EQ(sample, 0u);
    told.push_back(logprob.token);
  };
  asked.on_token = [&](size_t, std::string_view piece) {
    EXPECT_GT(told.size(), at_text);
    at_text = told.size();
    text += piece;
    return true;
  };
  const auto result = context.generate(asked);
  EXPECT_EQ(told, result.samples[0].tokens);
  EXPECT_EQ(text, result.samples[0].text);
}

TEST(PromptLookupDecoding, RefusesMoreThanTheOutputsHold) {
  Context context(smollm(), small_context());
  EXPECT_ERROR(context.generate(request(kCopy, 65)), ErrorCode::kInvalidArgument, "lookup_tokens is 65, expected 0 (off) to 64");
  auto options = small_context();
  options.lookup_tokens = 65;
  EXPECT_ERROR(Context(smollm(), options), ErrorCode::kInvalidArgument, "lookup_tokens is 65");
}

}  // namespace
}  // namespace aicoder
