// Which KV a request may begin with: its tokens, its fragment set with strengths, and where that set became active.
#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

#include "engine/engine_fixture.h"
#include "engine/plain_llama.h"
#include "engine/prompt_start.h"
#include "engine/test_lane.h"

namespace aicoder {
namespace {

using test::EngineTest;
using test::small_context;
using test::smollm;

std::string history_text(size_t n = 20) {
  std::string text;
  for (size_t i = 0; i < n; ++i) text += "Fact " + std::to_string(i) + ": water is wet. ";
  return text;
}

class PrefixTest : public EngineTest {
 protected:
  static EngineRequest with_tokens(std::vector<Token> prompt, std::vector<FragmentChoice> set, size_t active_from, size_t max_tokens = 8) {
    EngineRequest request;
    request.prompt = std::move(prompt);
    request.generation.fragments = std::move(set);
    request.generation.max_tokens = max_tokens;
    request.active_from = active_from;
    return request;
  }
  static std::vector<Token> tokens_of(const GenerationResult& result) { return result.output.samples.at(0).tokens; }
};

/// A lane over the small model.
struct TestLane : test::TestLane {
  explicit TestLane(const std::vector<ActiveAdapter>& set) : test::TestLane(smollm(), set, small_context(1)) {}
};

TEST_F(PrefixTest, WhatIsBeforeTheInvocationPointIsTheBasesByItself) {
  const auto model = Model::load(test::require_model("smollm2-135m"));
  const auto adapter = Adapter::load(model, resolve("a"));
  const auto engine = make(1, true);
  const auto prompt = test::chat_tokens(history_text() + "What is water?");
  const test::PlainLlama plain(model, 512, 256);
  const auto never = plain.greedy(prompt, {}, 0, 8), always = plain.greedy(prompt, {{adapter, 1}}, 0, 8);
  for (const size_t active_from : {size_t{0}, size_t{1}, size_t{50}, prompt.size() - 1}) {
    const auto result = engine->submit(with_tokens(prompt, {{"a", {}}}, active_from)).get();
    EXPECT_EQ(tokens_of(result), plain.greedy(prompt, {{adapter, 1}}, active_from, 8)) << "active from " << active_from;
  }
  EXPECT_NE(never, always);
  EXPECT_EQ(tokens_of(engine->submit(with_tokens(prompt, {}, 3)).get()), never) << "without fragments it says nothing";
}

TEST_F(PrefixTest, ACopyHoldsTheBytesOfThePrefixWhoeverWantsItAndAfterWhom) {
  auto options = small_context(1);
  options.threads = std::make_shared<ComputeThreads>(1);  // and with them what they hold of the last copy
  const auto a = Adapter::load(smollm(), resolve("a")), b = Adapter::load(smollm(), resolve("b"));
  test::TestLane base(smollm(), {}, options), first(smollm(), {{a, 1}}, options), second(smollm(), {{b, 1}}, options),
      third(smollm(), {{a, 0.5f}}, options);
  test::introduce({&base, &first, &second, &third});
  const auto prompt = smollm()->tokenize(history_text(20));
  ASSERT_GT(prompt.size(), 150u);
  const auto state_of = [](test::TestLane& lane, size_t keep) {
    auto* context = static_cast<llama_context*>(lane.context.native_handle());
    llama_memory_seq_rm(llama_get_memory(context), 0, static_cast<llama_pos>(keep), -1);
    std::vector<uint8_t> bytes(llama_state_seq_get_size(context, 0));
    EXPECT_EQ(llama_state_seq_get_data(context, bytes.data(), bytes.size(), 0), bytes.size());
    return bytes;
  };
  const auto enter = [&](test::TestLane& lane, const std::vector<Token>& tokens, size_t active_from) {
    const auto result = lane.run(tokens, active_from, 1);
    EXPECT_EQ(result.copied_tokens, active_from);
    EXPECT_GT(result.copy_ms, 0);
    auto bytes = state_of(lane, active_from);
    lane.context.clear();  // its batch does not know what was removed
    return bytes;
  };
  base.run(prompt, 0, 1);
  const auto at_100 = enter(first, prompt, 100);
  const auto again_100 = enter(second, prompt, 100);  // what is held serves it
  const auto at_140 = enter(third, prompt, 140);
  // Other tokens of the same length: what is held must not be taken for them.
  auto other = prompt;
  std::rotate(other.begin(), other.begin() + 30, other.end());
  base.run(other, 0, 1);
  const auto other_100 = enter(first, other, 100);
  EXPECT_EQ(other_100, state_of(base, 100));
  base.context.clear();
  base.run(prompt, 0, 1);
  EXPECT_EQ(at_140, state_of(base, 140));
  EXPECT_EQ(at_100, state_of(base, 100));
  EXPECT_EQ(again_100, at_100);
  EXPECT_NE(other_100, at_100);
}

TEST_F(PrefixTest, OnlyTheTokensAfterTheInvocationPointAreReadAgain) {
  const auto engine = make(1);
  // Plan, Act and Review over one history, each its own fragment set and its own task.
  const std::vector<ChatMessage> history{{"system", history_text(30)}};
  const auto ask_about = [&](const std::string& task, std::vector<FragmentChoice> set) {
    EngineRequest request;
    request.generation = {.messages = history, .fragments = std::move(set), .max_tokens = 4};
    request.generation.messages.push_back({"user", task});
    request.active_from = 1;
    return engine->submit(request).get().output;
  };
  const size_t shared = smollm()->chat_tokens(history, false).size();
  ASSERT_GT(shared, 200u);
  const auto plan = ask_about("Make a plan.", {{"a", {}}});
  EXPECT_EQ(plan.reused_tokens, 0u) << "the base lane read it for this request";
  EXPECT_GT(plan.copy_ms, 0);
  for (const auto& [task, set] : std::vector<std::pair<std::string, std::vector<FragmentChoice>>>{
           {"Do it.", {{"b", {}}}}, {"Look at it.", {{"a", 0.5f}}}, {"Once more.", {{"b", {}}, {"a", {}}}}, {"And now?", {}}}) {
    const auto output = ask_about(task, set);
    EXPECT_GE(output.reused_tokens, shared) << task;
    EXPECT_LT(output.prompt_tokens - output.reused_tokens, 30u) << task;
    if (!set.empty()) {
      EXPECT_EQ(output.copied_tokens, shared) << task;
    }
  }
  EXPECT_EQ(engine->stats().lanes, 5u);
}

TEST_F(PrefixTest, TwoRequestsThatNeedTheSamePrefixReadItOnce) {
  const auto engine = make(2);
  const auto prompt = test::chat_tokens(history_text(30) + "What is water?");
  auto first = engine->submit(with_tokens(prompt, {{"a", {}}}, 200)), second = engine->submit(with_tokens(prompt, {{"b", {}}}, 200));
  const auto one = first.get().output, two = second.get().output;
  EXPECT_EQ(one.reused_tokens + two.reused_tokens, 200u);
}

TEST_F(PrefixTest, TheFilesOwnInvocationPointIsUsed) {
  const auto engine = make(1, true);
  EngineRequest request;
  request.generation = {
      .messages = {{"system", "You are brief."}, {"user", "Name a colour."}}, .fragments = {{"late", {}}}, .max_tokens = 8};
  const auto own = engine->submit(request).get();
  request.active_from = 1;
  const auto same = engine->submit(request).get();
  EXPECT_EQ(tokens_of(own), tokens_of(same));
  EXPECT_GT(same.output.reused_tokens + 1, smollm()->chat_tokens(std::vector<ChatMessage>{{"system", "You are brief."}}, false).size());
  EXPECT_EQ(engine->fragments().at(0).settings.invocation, Invocation::kUser);
}

TEST_F(PrefixTest, PositionsOfMessages) {
  const std::vector<ChatMessage> messages{{"system", "You are brief."}, {"user", "Hi"}, {"assistant", "Hello."}, {"user", "Bye"}};
  const auto prompt = smollm()->chat_tokens(messages);
  const auto at = [&](size_t message) { return active_position(*smollm(), messages, prompt, message); };
  EXPECT_EQ(at(0), 0u);
  for (size_t i = 1; i < 4; ++i) {
    const auto before = smollm()->chat_tokens(std::span(messages).first(i), false);
    EXPECT_EQ(at(i), before.size()) << i;
    EXPECT_LT(at(i - 1), at(i));
  }
  EXPECT_EQ(at(4), smollm()->chat_tokens(messages, false).size()) << "from the answer on";
  EXPECT_EQ(at(99), at(4));
  EXPECT_LT(at(4), prompt.size());
  // A prompt that is no more than the messages: its last token is the fragments'.
  const auto bare = smollm()->chat_tokens(messages, false);
  EXPECT_EQ(active_position(*smollm(), messages, bare, 4), bare.size() - 1);
}

// ---- the identity of KV, between contexts in the hands of the test ------------------------------------------------------

TEST_F(PrefixTest, TheBaseTakesBackWhatIsBeforeTheInvocationPoint) {
  const auto adapter = Adapter::load(smollm(), resolve("a"));
  const auto prompt = test::chat_tokens(history_text() + "What is water?");
  TestLane lane({{adapter, 1}});
  {
    TestLane base({});
    test::introduce({&base, &lane});
    base.run({prompt.begin(), prompt.begin() + 100}, 0, 0);
    EXPECT_EQ(lane.run(prompt, 100).reused_tokens, 100u);
    lane.batch.set_peers({});
  }
  TestLane other_base({});
  test::introduce({&other_base, &lane});
  const auto back = other_base.run(prompt);
  EXPECT_EQ(back.reused_tokens, 100u) << "what the fragment read from there on is not the base's";
  EXPECT_EQ(back.copied_tokens, 100u);
  EXPECT_GT(back.copy_ms, 0);
  Context alone(smollm(), small_context(1));
  EXPECT_EQ(back.samples[0].tokens, alone.generate({.prompt = prompt, .max_tokens = 4}).samples[0].tokens);
}

TEST_F(PrefixTest, StrengthAndInvocationPointArePartOfTheIdentity) {
  const auto adapter = Adapter::load(smollm(), resolve("a"));
  const auto prompt = test::chat_tokens(history_text() + "What is water?");
  TestLane base({}), full({{adapter, 1}}), same({{adapter, 1}}), half({{adapter, 0.5f}});
  test::introduce({&base, &full, &same, &half});
  base.run(prompt, 0, 0);
  full.run(prompt, 60);
  EXPECT_EQ(same.run(prompt, 60).reused_tokens, prompt.size() - 1) << "the same in all: whatever the context";
  EXPECT_EQ(half.run(prompt, 60).reused_tokens, 60u) << "another strength: the base's part";
  EXPECT_EQ(full.run(prompt, 80).reused_tokens, 80u) << "active later: the base's part, which is longer";
  EXPECT_EQ(full.run(prompt, 0).reused_tokens, 0u) << "active from the first token: nothing";
}

TEST_F(PrefixTest, ARequestWaitsForThePrefixItLacks) {
  const auto adapter = Adapter::load(smollm(), resolve("a"));
  const auto prompt = test::chat_tokens(history_text() + "What is water?");
  TestLane base({}), lane({{adapter, 1}});
  test::introduce({&base, &lane});
  bool done = false;
  const auto id = lane.batch.submit({.prompt = prompt, .max_tokens = 2, .active_from = 40}, [&](GenerateResult&&) { done = true; });
  EXPECT_FALSE(lane.batch.step()) << "nothing to decode yet";
  ASSERT_EQ(lane.batch.missing_prefixes().size(), 1u);
  EXPECT_EQ(lane.batch.missing_prefixes()[0].id, id);
  EXPECT_EQ(lane.batch.missing_prefixes()[0].tokens, std::vector<Token>(prompt.begin(), prompt.begin() + 40));
  lane.batch.take_prefixes();
  EXPECT_EQ(lane.batch.missing_prefixes().size(), 1u) << "still not there";
  base.run({prompt.begin(), prompt.begin() + 40}, 0, 0);
  lane.batch.take_prefixes();
  EXPECT_TRUE(lane.batch.missing_prefixes().empty());
  while (lane.batch.step()) {
  }
  EXPECT_TRUE(done);
  // One that waits can be cancelled.
  done = false;
  const auto other = lane.batch.submit({.prompt = test::chat_tokens("another"), .active_from = 5}, [&](GenerateResult&&) { done = true; });
  lane.batch.step();
  lane.batch.cancel(other);
  EXPECT_TRUE(done);
  EXPECT_EQ(lane.batch.n_requests(), 0u);
}

TEST_F(PrefixTest, AnInvocationPointNeedsALiveBatchAndAPlaceInThePrompt) {
  const auto adapter = Adapter::load(smollm(), resolve("a"));
  TestLane lane({{adapter, 1}});
  EXPECT_ERROR(lane.context.generate({.prompt = {1, 2, 3}, .active_from = 1}), ErrorCode::kInvalidArgument, "active_from");
  EXPECT_ERROR(lane.batch.submit({.prompt = {1, 2, 3}, .active_from = 3}, {}), ErrorCode::kInvalidArgument, "less than 3");
}

// ---- long prompts ----------------------------------------------------------------------------------------------------

TEST_F(PrefixTest, AnswersGoOnWhileALongPromptIsRead) {
  for (const bool same_lane : {true, false}) {
    auto chunked = options(2);
    chunked.prefill_chunk = 32;
    const auto engine = make(chunked);
    const auto begun = std::make_shared<std::promise<void>>();
    std::stop_source stop;
    std::atomic<size_t> told = 0;
    auto talking = endless(begun);
    talking.generation.on_token = [&told, begun](size_t, std::string_view) {
      if (told++ == 0) begun->set_value();
      return true;
    };
    auto running = engine->submit(talking, stop.get_token());
    begun->get_future().wait();
    std::vector<FragmentChoice> set;
    if (!same_lane) set = {{"a", {}}};
    auto prompt = test::chat_tokens(history_text(40));
    ASSERT_GT(prompt.size(), 320u);
    const size_t before = told;
    engine->submit(with_tokens(prompt, set, 0, 1)).get();
    // The prompt takes more than ten decodes of 32, and each of them, or the turn between two, brings a token of the other answer.
    EXPECT_GE(told - before, 8u) << (same_lane ? "in the same lane" : "in another lane");
    stop.request_stop();
    EXPECT_EQ(running.get().output.samples.at(0).finish, FinishReason::kCancelled);
  }
}

}  // namespace
}  // namespace aicoder
