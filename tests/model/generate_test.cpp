#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "model/smollm.h"
#include "support/error_matcher.h"
#include "support/plain_context.h"

namespace aicoder {
namespace {

using test::chat_tokens;
using test::small_context;
using test::smollm;

/// Greedy decoding straight on llama.cpp's C API, with none of our code: the oracle.
std::vector<Token> plain_greedy(const std::vector<Token>& prompt, size_t n) {
  auto* model = static_cast<llama_model*>(smollm()->native_handle());
  const llama_context_params params = test::plain_context_params(512);
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(llama_init_from_model(model, params), llama_free);
  const llama_vocab* vocab = llama_model_get_vocab(model);
  std::vector<Token> tokens = prompt, made;
  llama_batch batch = llama_batch_get_one(tokens.data(), static_cast<int32_t>(tokens.size()));
  while (made.size() < n) {
    if (llama_decode(context.get(), batch) != 0) throw std::runtime_error("oracle: decode failed");
    const float* logits = llama_get_logits_ith(context.get(), -1);
    Token next = static_cast<Token>(std::max_element(logits, logits + llama_vocab_n_tokens(vocab)) - logits);
    if (llama_vocab_is_eog(vocab, next)) break;
    made.push_back(next);
    batch = llama_batch_get_one(&made.back(), 1);
  }
  return made;
}

GenerateRequest greedy(std::vector<Token> prompt, size_t max_tokens = 24) {
  return {.prompt = std::move(prompt), .max_tokens = max_tokens};
}

TEST(Generate, GreedyEqualsAPlainLlamaLoop) {
  for (const bool deterministic : {false, true}) {
    Context context(smollm(), small_context(3, deterministic));
    for (const std::string text : {"Write a haiku about the sea.", "What is 2 + 2?"}) {
      const auto prompt = chat_tokens(text);
      const auto result = context.generate(greedy(prompt, 40));
      EXPECT_EQ(result.samples[0].tokens, plain_greedy(prompt, 40));
      EXPECT_EQ(result.samples[0].text, smollm()->detokenize(result.samples[0].tokens));
    }
  }
}

TEST(Generate, EndTokenStopsAndIsNotPartOfTheResult) {
  Context context(smollm(), small_context());
  const auto result = context.generate(greedy(chat_tokens("Answer with one word: what is the capital of France?"), 200));
  EXPECT_EQ(result.samples[0].finish, FinishReason::kStop);
  EXPECT_FALSE(result.samples[0].tokens.empty());
  for (Token token : result.samples[0].tokens) EXPECT_FALSE(smollm()->is_end(token));
}

TEST(Generate, MaxTokensEndsWithLength) {
  Context context(smollm(), small_context());
  const auto result = context.generate(greedy(chat_tokens("Tell a long story."), 5));
  EXPECT_EQ(result.samples[0].tokens.size(), 5u);
  EXPECT_EQ(result.samples[0].finish, FinishReason::kLength);
  const auto none = context.generate(greedy(chat_tokens("Tell a long story."), 0));
  EXPECT_EQ(none.samples[0].text, "");
  EXPECT_EQ(none.samples[0].finish, FinishReason::kLength);
}

// ---- many samples, many requests -------------------------------------------------------------------------------------

TEST(Generate, SamplesOfOneRequestReadThePromptOnce) {
  for (const bool deterministic : {false, true}) {
    Context context(smollm(), small_context(4, deterministic));
    const auto prompt = chat_tokens("Count from one to five.");
    const auto alone = context.generate(greedy(prompt));
    context.clear();
    auto request = greedy(prompt);
    request.n = 7;  // more than there are slots
    const auto result = context.generate(request);
    ASSERT_EQ(result.samples.size(), 7u);
    EXPECT_EQ(result.prompt_tokens, prompt.size());
    EXPECT_EQ(result.reused_tokens, 0u);
    for (const auto& sample : result.samples) {
      // Greedy samples of one prompt are one text; outside deterministic mode a near tie may fall another way.
      if (deterministic) {
        EXPECT_EQ(sample.tokens, alone.samples[0].tokens);
      }
      EXPECT_EQ(sample.tokens.front(), alone.samples[0].tokens.front());
      EXPECT_NE(sample.finish, FinishReason::kCancelled);
    }
  }
}

TEST(Generate, SampledTextsDifferAndFollowTheirSeed) {
  Context context(smollm(), small_context(4, true));
  GenerateRequest request{.prompt = chat_tokens("Write a poem."), .n = 4, .max_tokens = 20, .sampling = {.temperature = 1.0f, .seed = 7}};
  const auto first = context.generate(request);
  EXPECT_NE(first.samples[0].tokens, first.samples[1].tokens);
  Context other(smollm(), small_context(1, true));
  const auto again = other.generate(request);  // one slot instead of four
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(again.samples[i].tokens, first.samples[i].tokens) << "sample " << i;
  request.n = 1;
  request.sampling.seed = 9;
  EXPECT_EQ(context.generate(request).samples[0].tokens, first.samples[2].tokens) << "sample i has seed + i";
}

TEST(Generate, BatchEqualsOneByOneInDeterministicMode) {
  std::vector<GenerateRequest> requests;
  for (const std::string text : {"Name a colour.", "Name a fruit and say why you like it.", "1, 2, 3,", "안녕하세요",
                                 "def add(a, b):", "Once upon a time", "List three animals.", "What is Python?"}) {
    requests.push_back(greedy(chat_tokens(text)));
  }
  Context batch(smollm(), small_context(3, true));
  const auto together = batch.generate(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    Context alone(smollm(), small_context(1, true));
    EXPECT_EQ(alone.generate(requests[i]).samples[0].tokens, together[i].samples[0].tokens) << "request " << i;
  }
}

TEST(Generate, OnDoneComesOncePerRequest) {
  std::vector<GenerateRequest> requests{greedy(chat_tokens("a"), 12), greedy(chat_tokens("b"), 2), greedy(chat_tokens("c"), 2)};
  requests[1].n = 2;
  Context context(smollm(), small_context(2));
  std::vector<size_t> done;
  const auto results = context.generate(requests, {}, [&](size_t request, const GenerateResult& result) {
    done.push_back(request);
    EXPECT_EQ(result.samples.size(), requests[request].n);
    for (const auto& sample : result.samples) EXPECT_NE(sample.finish, FinishReason::kCancelled);
  });
  std::sort(done.begin(), done.end());
  EXPECT_EQ(done, (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(results.size(), 3u);
  EXPECT_TRUE(context.generate(std::span<const GenerateRequest>{}).empty());
}

// ---- prefix reuse ----------------------------------------------------------------------------------------------------

TEST(Generate, SecondTurnReadsOnlyWhatIsNew) {
  Context context(smollm(), small_context());
  const auto prompt = chat_tokens("My name is Ada. Say hello.");
  const auto first = context.generate(greedy(prompt, 8));
  auto next = prompt;
  next.insert(next.end(), first.samples[0].tokens.begin(), first.samples[0].tokens.end());
  const size_t known = next.size() - 1;  // the last token made was never decoded
  const auto more =
      smollm()->tokenize("<|im_end|>\n<|im_start|>user\nWhat is my name?<|im_end|>\n<|im_start|>assistant\n", {.parse_special = true});
  next.insert(next.end(), more.begin(), more.end());
  const auto second = context.generate(greedy(next, 8));
  EXPECT_EQ(second.reused_tokens, known);
  EXPECT_EQ(second.prompt_tokens, next.size());
}

TEST(Generate, SamePromptAgainReadsOneToken) {
  Context context(smollm(), small_context(2));
  const auto prompt = chat_tokens("Explain recursion in one line.");
  const auto first = context.generate(greedy(prompt));
  const auto second = context.generate(greedy(prompt));
  EXPECT_EQ(second.reused_tokens, prompt.size() - 1);
  EXPECT_EQ(second.samples[0].tokens.front(), first.samples[0].tokens.front());
  context.clear();
  EXPECT_EQ(context.generate(greedy(prompt)).reused_tokens, 0u);
}

TEST(Generate, AnotherSlotsPrefixIsCopied) {
  Context context(smollm(), small_context(2));
  std::string shared = "You are a careful assistant.";
  for (int i = 0; i < 30; ++i) shared += " Rule " + std::to_string(i) + ": be brief.";
  std::vector<GenerateRequest> requests{greedy(chat_tokens(shared + " First question."), 4),
                                        greedy(chat_tokens(shared + " Second question."), 4)};
  context.generate(requests[0]);
  const auto both = context.generate(requests);
  EXPECT_GT(both[1].reused_tokens, 100u);
}

TEST(Generate, DeterministicReuseChangesNoToken) {
  // Chunks of 64, so that a part of the prompt can be reused even in this mode.
  ContextOptions options = small_context(2, true);
  options.n_batch = 64;
  std::string shared;
  for (int i = 0; i < 20; ++i) shared += "Fact " + std::to_string(i) + ": water is wet. ";
  const auto a = chat_tokens(shared + "Repeat a fact."), b = chat_tokens(shared + "How many facts?");
  Context used(smollm(), options);
  used.generate(greedy(a));
  const auto warm = used.generate(greedy(b));
  Context fresh(smollm(), options);
  const auto cold = fresh.generate(greedy(b));
  EXPECT_EQ(warm.reused_tokens % 64, 0u);
  EXPECT_GE(warm.reused_tokens, 64u);
  EXPECT_EQ(cold.reused_tokens, 0u);
  EXPECT_EQ(warm.samples[0].tokens, cold.samples[0].tokens);
}

// ---- stop strings, streaming, cancelling -----------------------------------------------------------------------------

TEST(Generate, StopStringEndsTheTextBeforeItEvenAcrossTokens) {
  Context context(smollm(), small_context());
  const auto prompt = chat_tokens("Count: one, two, three, four, five, six.");
  const auto whole = context.generate(greedy(prompt, 30)).samples[0];
  ASSERT_GT(whole.tokens.size(), 8u);
  // A stop string from the middle of one token to the middle of the next.
  std::string before;
  for (size_t i = 0; i < 4; ++i) before += smollm()->piece(whole.tokens[i]);
  const std::string fourth = smollm()->piece(whole.tokens[3]), fifth = smollm()->piece(whole.tokens[4]);
  const std::string stop = fourth.substr(fourth.size() - 1) + fifth.substr(0, 1);
  auto request = greedy(prompt, 30);
  request.stop_strings = {stop};
  std::string streamed;
  request.on_token = [&](size_t, std::string_view text) {
    streamed += text;
    return true;
  };
  const auto cut = context.generate(request).samples[0];
  EXPECT_EQ(cut.finish, FinishReason::kStopString);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_EQ(streamed, cut.text);
}

TEST(Generate, StreamIsTheTextInUtf8Pieces) {
  Context context(smollm(), small_context());
  auto request = greedy(smollm()->tokenize("한국어: 안녕하세요. 오늘은 날씨가 좋습니다. 그래서 "), 40);
  std::string streamed;
  request.on_token = [&](size_t sample, std::string_view text) {
    EXPECT_EQ(sample, 0u);
    EXPECT_TRUE(is_utf8(text));
    EXPECT_FALSE(text.empty());
    streamed += text;
    return true;
  };
  const auto result = context.generate(request);
  EXPECT_EQ(streamed, result.samples[0].text);
  EXPECT_TRUE(is_utf8(result.samples[0].text));
}

TEST(Generate, ReceiverCanStopOneSample) {
  Context context(smollm(), small_context(2));
  auto request = greedy(chat_tokens("Tell a long story about a dragon."), 20);
  request.n = 2;
  request.on_token = [&](size_t sample, std::string_view) { return sample != 1; };
  const auto result = context.generate(request);
  EXPECT_EQ(result.samples[0].tokens.size(), 20u);
  EXPECT_EQ(result.samples[1].finish, FinishReason::kCancelled);
  EXPECT_EQ(result.samples[1].tokens.size(), 1u);
}

TEST(Generate, StopRequestEndsWithTheSamplesSoFar) {
  Context context(smollm(), small_context(2));
  std::stop_source stop;
  size_t pieces = 0;
  std::vector<GenerateRequest> requests{greedy(chat_tokens("Tell a long story."), 400), greedy(chat_tokens("Tell another."), 400),
                                        greedy(chat_tokens("And a third."), 400)};
  requests[0].on_token = [&](size_t, std::string_view) {
    if (++pieces == 5) stop.request_stop();
    return true;
  };
  const auto results = context.generate(requests, stop.get_token());
  EXPECT_EQ(results[0].samples[0].finish, FinishReason::kCancelled);
  EXPECT_FALSE(results[0].samples[0].text.empty());
  EXPECT_EQ(results[2].samples[0].finish, FinishReason::kCancelled);
  EXPECT_TRUE(results[2].samples[0].tokens.empty());
  // What the cache holds after it is still right.
  const auto prompt = chat_tokens("What is 2 + 2?");
  EXPECT_EQ(context.generate(greedy(prompt, 10)).samples[0].tokens, plain_greedy(prompt, 10));
}

TEST(Generate, StopDuringTheReadingOfAPromptLeavesAUsableCache) {
  Context context(smollm(), small_context());
  // An observer runs between the nodes of the graph: it can ask for the stop in the middle of a decode.
  std::stop_source stop;
  size_t layers = 0;
  context.observe_activations([&](std::string_view, std::span<const float>, size_t) {
    if (++layers == 40) stop.request_stop();
  });
  std::vector<Token> prompt = chat_tokens("What is 2 + 2?");
  const auto cancelled = context.generate(greedy(prompt, 10), stop.get_token());
  EXPECT_EQ(cancelled.samples[0].finish, FinishReason::kCancelled);
  EXPECT_LT(layers, 210u) << "the decode was aborted and not finished first";
  context.observe_activations({});
  EXPECT_EQ(context.generate(greedy(prompt, 10)).samples[0].tokens, plain_greedy(prompt, 10));
}

TEST(Generate, WhatAReceiverThrowsArrivesAndTheContextGoesOn) {
  Context context(smollm(), small_context());
  auto request = greedy(chat_tokens("What is 2 + 2?"), 10);
  request.on_token = [](size_t, std::string_view) -> bool { throw Error(ErrorCode::kUnavailable, "client gone"); };
  EXPECT_ERROR(context.generate(request), ErrorCode::kUnavailable, "client gone");
  request.on_token = {};
  EXPECT_EQ(context.generate(request).samples[0].tokens, plain_greedy(request.prompt, 10));
}

// ---- limits ----------------------------------------------------------------------------------------------------------

TEST(Generate, PromptThatLeavesNoRoomIsRefusedBeforeAnythingIsDecoded) {
  Context context(smollm(), {.n_ctx_seq = 32, .n_threads = 1});
  size_t layers = 0;
  context.observe_activations([&](std::string_view, std::span<const float>, size_t) { ++layers; });
  std::vector<GenerateRequest> requests{greedy(std::vector<Token>(8, 5)), greedy(std::vector<Token>(32, 5))};
  try {
    context.generate(requests);
    FAIL() << "32 tokens leave no room in a context of 32";
  } catch (const ContextOverflow& overflow) {
    EXPECT_EQ(overflow.n_tokens(), 33u);
    EXPECT_EQ(overflow.n_ctx(), 32u);
  }
  EXPECT_EQ(layers, 0u);
}

TEST(Generate, GenerationThatFillsTheContextEndsWithLength) {
  Context context(smollm(), {.n_ctx_seq = 40, .n_threads = 1});
  auto prompt = chat_tokens("Tell a very long story about a dragon.");
  const size_t room = 40 - prompt.size();
  const auto result = context.generate(greedy(prompt, 500));
  EXPECT_EQ(result.samples[0].finish, FinishReason::kLength);
  EXPECT_EQ(result.samples[0].tokens.size(), room);
  const auto one = context.generate(greedy(std::vector<Token>(39, 5), 500));
  EXPECT_EQ(one.samples[0].tokens.size() + (one.samples[0].finish == FinishReason::kStop), 1u);
}

TEST(Generate, RefusesBadRequestsBeforeDecoding) {
  Context context(smollm(), small_context());
  EXPECT_ERROR(context.generate(greedy({})), ErrorCode::kInvalidArgument, "no tokens");
  EXPECT_ERROR(context.generate(greedy({1, 1 << 20})), ErrorCode::kInvalidArgument, "token 1");
  auto request = greedy(chat_tokens("x"));
  request.n = 0;
  EXPECT_ERROR(context.generate(request), ErrorCode::kInvalidArgument, "n is 0");
  request = greedy(chat_tokens("x"));
  request.n_logprobs = -2;
  EXPECT_ERROR(context.generate(request), ErrorCode::kInvalidArgument, "n_logprobs");
  request = greedy(chat_tokens("x"));
  request.sampling.top_p = 2;
  EXPECT_ERROR(context.generate(request), ErrorCode::kInvalidArgument, "top_p");
}

// ---- grammar ---------------------------------------------------------------------------------------------------------

TEST(Generate, GrammarAllowsOnlyItsLanguage) {
  Context context(smollm(), small_context(4));
  for (const float temperature : {0.0f, 1.5f}) {
    GenerateRequest request{.prompt = chat_tokens("Write a poem about the sea."), .n = 6, .max_tokens = 20};
    request.sampling.temperature = temperature;
    request.grammar = R"(root ::= "yes" | "no")";
    for (const auto& sample : context.generate(request).samples) {
      EXPECT_TRUE(sample.text == "yes" || sample.text == "no") << sample.text;
      EXPECT_EQ(sample.finish, FinishReason::kStop);
    }
  }
}

TEST(Generate, GrammarOfOneSampleDoesNotBindAnother) {
  Context context(smollm(), small_context(2, true));
  std::vector<GenerateRequest> requests{greedy(chat_tokens("What is 2 + 2?")), greedy(chat_tokens("What is 2 + 2?"))};
  requests[0].grammar = R"(root ::= [0-9]{3})";
  const auto results = context.generate(requests);
  EXPECT_EQ(results[0].samples[0].text.size(), 3u);
  EXPECT_EQ(results[1].samples[0].tokens, plain_greedy(requests[1].prompt, 24));
}

TEST(Generate, BadGrammarsAreRefused) {
  Context context(smollm(), small_context());
  auto request = greedy(chat_tokens("x"));
  for (const std::string grammar :
       {"root ::= (", "start ::= \"a\"", "root ::= missing", "root ::= root \"a\"", "::=", "root ::= [a", "root ::= \"a\"{99999999}"}) {
    request.grammar = grammar;
    EXPECT_ERROR(context.generate(request), ErrorCode::kInvalidArgument, "[grammar]");
  }
  request.grammar = "root ::= " + std::string(100000, '(');
  EXPECT_ERROR(context.generate(request), ErrorCode::kInvalidArgument, "[grammar]");
}

// ---- log-probabilities -----------------------------------------------------------------------------------------------

TEST(Generate, LogprobsAreThoseOfTheLogits) {
  Context context(smollm(), small_context(1, true));
  auto request = greedy(chat_tokens("What is 2 + 2?"), 6);
  request.n_logprobs = static_cast<int>(smollm()->n_vocab());
  const auto sample = context.generate(request).samples[0];
  ASSERT_EQ(sample.logprobs.size(), sample.tokens.size());
  auto tokens = request.prompt;
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    const auto& entry = sample.logprobs[i];
    EXPECT_EQ(entry.token, sample.tokens[i]);
    ASSERT_EQ(entry.top.size(), smollm()->n_vocab());
    EXPECT_EQ(entry.top[0].first, sample.tokens[i]) << "greedy takes the best";
    EXPECT_EQ(entry.top[0].second, entry.logprob);
    double sum = 0;
    for (size_t k = 0; k < entry.top.size(); ++k) {
      sum += std::exp(static_cast<double>(entry.top[k].second));
      if (k > 0) {
        ASSERT_GE(entry.top[k - 1].second, entry.top[k].second);
      }
    }
    EXPECT_NEAR(sum, 1.0, 1e-4);
  }
  // The first of them again from the raw logits.
  const auto logits = context.logits(request.prompt);
  const float* row = logits.data() + (request.prompt.size() - 1) * smollm()->n_vocab();
  double sum = 0;
  for (size_t v = 0; v < smollm()->n_vocab(); ++v) sum += std::exp(static_cast<double>(row[v]));
  EXPECT_NEAR(sample.logprobs[0].logprob, static_cast<double>(row[sample.tokens[0]]) - std::log(sum), 0.05);
}

TEST(Generate, LogprobsOfTheChosenTokenOnly) {
  Context context(smollm(), small_context());
  auto request = greedy(chat_tokens("What is 2 + 2?"), 3);
  EXPECT_TRUE(context.generate(request).samples[0].logprobs.empty());
  request.n_logprobs = 0;
  const auto sample = context.generate(request).samples[0];
  ASSERT_EQ(sample.logprobs.size(), sample.tokens.size());
  EXPECT_TRUE(sample.logprobs[0].top.empty());
  EXPECT_LE(sample.logprobs[0].logprob, 0.0f);
}

}  // namespace
}  // namespace aicoder
