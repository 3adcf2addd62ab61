#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <numeric>
#include <random>

#include "engine/engine_fixture.h"

namespace aicoder {
namespace {

using test::EngineTest;
using test::smollm;
using namespace std::chrono_literals;

const GenerateSample& first_of(const GenerationResult& result) { return result.output.samples.at(0); }

// ---- answers ---------------------------------------------------------------------------------------------------------

TEST_F(EngineTest, AnswersLikeTheGeneratorOfOneThread) {
  const auto engine = make(2, true);
  LocalGenerator local(smollm(), {test::small_context(2, true)}, resolve);
  for (const std::string name : {"", "a", "b"}) {
    std::vector<FragmentChoice> set;
    if (!name.empty()) set.push_back({name, {}});
    auto request = ask("Write one sentence about rivers.", set, 16);
    const auto expected = local.generate_one(request.generation, {});
    const auto result = engine->submit(request).get();
    EXPECT_EQ(first_of(result).tokens, first_of(expected).tokens) << name;
    EXPECT_EQ(first_of(result).text, first_of(expected).text);
    EXPECT_EQ(result.output.prompt_tokens, expected.output.prompt_tokens);
    EXPECT_TRUE(result.lane_created);
  }
  EXPECT_EQ(engine->stats().lanes, 3u);
  EXPECT_EQ(engine->stats().requests, 3u);
  EXPECT_EQ(engine->stats().running, 0u);
  EXPECT_EQ(engine->stats().queued, 0u);
  EXPECT_GT(engine->stats().generated_tokens, 0u);
}

TEST_F(EngineTest, AFragmentsPromptPrefixIsReadWhereItIsActive) {
  const auto engine = make(2, true);
  auto explicit_request = ask("What is the colour of snow?", {{"a", {}}}, 12);
  explicit_request.generation.messages.insert(explicit_request.generation.messages.begin(), {"system", "Answer in one word."});
  const auto expected = engine->submit(explicit_request).get();
  const auto plain = ask("What is the colour of snow?", {{"asking", {}}}, 12);
  const auto result = engine->submit(plain).get();
  EXPECT_EQ(first_of(result).tokens, first_of(expected).tokens);
  EXPECT_EQ(result.output.prompt_tokens, expected.output.prompt_tokens);
  LocalGenerator local(smollm(), {test::small_context(2, true)}, resolve);
  EXPECT_EQ(first_of(local.generate_one(plain.generation, {})).tokens, first_of(expected).tokens);
  const auto off = engine->submit(ask("What is the colour of snow?", {{"asking", 0.0f}}, 12)).get();
  EXPECT_NE(off.output.prompt_tokens, result.output.prompt_tokens)
      << "at strength 0 it is the base, with the template's own system message";
}

TEST_F(EngineTest, SamplingIsTheFragmentsOnlyForRequestsThatLeaveItToThem) {
  const auto engine = make(2, true);
  auto request = ask("Tell a story.", {{"asking", {}}}, 24);
  const auto greedy = engine->submit(request).get();
  request.generation.sampling_of_fragments = true;
  const auto left_to_it = engine->submit(request).get();
  request.generation.sampling_of_fragments = false;
  request.generation.sampling.temperature = 1.5f;
  const auto expected = engine->submit(request).get();
  EXPECT_EQ(first_of(left_to_it).tokens, first_of(expected).tokens);
  EXPECT_NE(first_of(left_to_it).tokens, first_of(greedy).tokens);
}

TEST_F(EngineTest, AnInvocationInTheFileIsWhereTheFragmentBegins) {
  const auto engine = make(2, true);
  std::vector<ChatMessage> talk = {{"user", "My name is Ada."}, {"assistant", "Hello Ada."}, {"user", "What is my name?"}};
  auto late = ask("", {{"late", {}}}, 12);
  late.generation.messages = talk;
  auto said = ask("", {{"a", {}}}, 12);  // the same factors
  said.generation.messages = talk;
  said.active_from = 2;
  EXPECT_EQ(first_of(engine->submit(late).get()).tokens, first_of(engine->submit(said).get()).tokens);
  EXPECT_EQ(engine->fragments().front().settings.invocation == Invocation::kUser ||
                engine->fragments().back().settings.invocation == Invocation::kUser,
            true);
}

TEST_F(EngineTest, ARequestJoinsWhileAnotherIsAnswered) {
  const auto engine = make(2);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop;
  auto endless_answer = engine->submit(endless(begun), stop.get_token());
  begun->get_future().wait();
  const auto result = engine->submit(ask("What is 2 + 2?")).get();
  EXPECT_FALSE(first_of(result).tokens.empty());
  EXPECT_EQ(engine->stats().running, 1u) << "the first one still runs";
  stop.request_stop();
  const auto stopped = endless_answer.get();
  EXPECT_EQ(first_of(stopped).finish, FinishReason::kCancelled);
  EXPECT_FALSE(first_of(stopped).text.empty());
  EXPECT_EQ(engine->stats().cancelled, 1u);
}

TEST_F(EngineTest, LanesTakeTurns) {
  const auto engine = make(1);
  std::vector<char> order;
  auto a = ask("Tell a very long story about a dragon.", {{"a", {}}}, 24),
       b = ask("Tell a very long story about a dragon.", {{"b", {}}}, 24);
  a.generation.on_token = [&](size_t, std::string_view) { return order.push_back('a'), true; };
  b.generation.on_token = [&](size_t, std::string_view) { return order.push_back('b'), true; };
  auto first = engine->submit(a), second = engine->submit(b);
  first.get();
  second.get();
  // Once both run they alternate: no lane has more than two turns between two of the other.
  size_t longest = 0, run = 0;
  const auto begin = std::find(order.begin(), order.end(), 'b'), end = std::find(order.rbegin(), order.rend(), 'a').base();
  ASSERT_LT(begin, end);
  for (auto i = begin + 1; i < end; ++i) {
    run = *i == *(i - 1) ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  EXPECT_LE(longest, 2u) << std::string(order.begin(), order.end());
}

TEST_F(EngineTest, InteractiveRequestsGetTheNextFreeSequence) {
  const auto engine = make(1);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop;
  auto running = engine->submit(endless(begun), stop.get_token());
  begun->get_future().wait();
  std::vector<std::string> order;
  const auto named = [&](const std::string& name, Priority priority) {
    auto request = ask("Say " + name, {}, 3);
    request.priority = priority;
    request.generation.on_token = [&order, name](size_t, std::string_view) {
      if (order.empty() || order.back() != name) order.push_back(name);
      return true;
    };
    return request;
  };
  auto batch = engine->submit(named("batch", Priority::kBatch));
  auto interactive = engine->submit(named("interactive", Priority::kInteractive));
  stop.request_stop();
  EXPECT_EQ(first_of(running.get()).finish, FinishReason::kCancelled);
  batch.get();
  interactive.get();
  EXPECT_THAT(order, ::testing::ElementsAre("interactive", "batch"));
}

TEST_F(EngineTest, SamplesMoreThanSequencesAllCome) {
  const auto engine = make(2);
  auto request = ask("Write a poem.", {{"a", {}}}, 6);
  request.generation.n = 5;
  request.generation.sampling = {.temperature = 1.0f, .seed = 3};
  const auto result = engine->submit(request).get();
  ASSERT_EQ(result.output.samples.size(), 5u);
  for (const auto& sample : result.output.samples) EXPECT_NE(sample.finish, FinishReason::kCancelled);
}

TEST_F(EngineTest, APromptOfTokensIsReadAsItIs) {
  const auto engine = make(1, true);
  const auto tokens = test::chat_tokens("What is 2 + 2?");
  EngineRequest request;
  request.prompt = tokens;
  request.generation.max_tokens = 8;
  const auto result = engine->submit(request).get();
  EXPECT_EQ(result.output.prompt_tokens, tokens.size());
  Context alone(smollm(), test::small_context(1, true));
  EXPECT_EQ(first_of(result).tokens, alone.generate({.prompt = tokens, .max_tokens = 8}).samples[0].tokens);
}

// ---- refusals --------------------------------------------------------------------------------------------------------

TEST_F(EngineTest, RefusesWhatCannotBeAnswered) {
  const auto engine = make();
  EXPECT_ERROR(engine->submit(ask("Hi", {{"nobody", {}}})), ErrorCode::kNotFound, "nobody");
  EXPECT_ERROR(engine->submit(ask("Hi", {{"a", 0.1f}, {"a", 0.2f}})), ErrorCode::kInvalidArgument, "twice");
  EXPECT_ERROR(engine->submit(ask("Hi", {{"a", std::nanf("")}})), ErrorCode::kInvalidArgument, "not finite");
  auto request = ask("Hi");
  request.generation.grammar = "root ::= (";
  EXPECT_ERROR(engine->submit(request), ErrorCode::kInvalidArgument, "[grammar]");
  request = ask("Hi");
  request.generation.n = 0;
  EXPECT_ERROR(engine->submit(request), ErrorCode::kInvalidArgument, "n is 0");
  request.generation.n = size_t{1} << 40;
  EXPECT_ERROR(engine->submit(request), ErrorCode::kInvalidArgument, "n is 1099511627776");
  request = ask("Hi");
  request.prompt = {1, 2, 3};
  EXPECT_ERROR(engine->submit(request), ErrorCode::kInvalidArgument, "one of them");
  request = {};
  request.prompt = {1, 1 << 20};
  EXPECT_ERROR(engine->submit(request), ErrorCode::kInvalidArgument, "token 1");
  EXPECT_ERROR(engine->submit({}), ErrorCode::kInvalidArgument, "");
  std::string text;
  for (int i = 0; i < 600; ++i) text += " word";
  EXPECT_THROW(engine->submit(ask(text)), ContextOverflow);
  EXPECT_THROW(engine->embed({text}), ContextOverflow);
  EXPECT_ERROR(engine->embed({}), ErrorCode::kInvalidArgument, "no texts");
  EXPECT_ERROR(engine->embed({"x", ""}), ErrorCode::kInvalidArgument, "text 1 is empty");
  EXPECT_EQ(engine->stats().lanes, 0u);
  EXPECT_EQ(engine->stats().requests, 0u);
}

TEST_F(EngineTest, RefusesBadOptions) {
  EXPECT_ERROR(Engine(nullptr, {}, resolve), ErrorCode::kInvalidArgument, "no model");
  auto bad = options();
  bad.max_queued = 0;
  EXPECT_ERROR(make(bad), ErrorCode::kInvalidArgument, "max_queued");
  bad = options();
  bad.lanes.context.n_ctx_seq = 1 << 20;
  EXPECT_ERROR(make(bad), ErrorCode::kInvalidArgument, "n_ctx_seq");
  bad = options();
  bad.lanes.context.n_seq_max = 0;
  EXPECT_ERROR(make(bad), ErrorCode::kInvalidArgument, "n_seq_max");
}

TEST_F(EngineTest, AFragmentOfNoUseFailsItsRequestAlone) {
  write_file_atomic(*fragments_ / "broken.gguf", "not a gguf");
  const auto engine = make();
  auto broken = engine->submit(ask("Hi", {{"broken", {}}}));
  auto good = engine->submit(ask("Hi"));
  EXPECT_THROW(broken.get(), Error);
  EXPECT_FALSE(first_of(good.get()).tokens.empty());
  EXPECT_THROW(engine->load_fragment("broken"), Error);
  EXPECT_THAT(engine->fragments(), ::testing::IsEmpty());
  std::filesystem::remove(*fragments_ / "broken.gguf");
}

TEST_F(EngineTest, AFullQueueRefusesTheNext) {
  auto few = options(1);
  few.max_queued = 2;
  const auto engine = make(few);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop;
  auto running = engine->submit(endless(begun), stop.get_token());
  begun->get_future().wait();
  auto second = engine->submit(ask("a")), third = engine->submit(ask("b"));
  EXPECT_ERROR(engine->submit(ask("c")), ErrorCode::kResourceExhausted, "queue is full");
  EXPECT_ERROR(engine->embed({"c"}), ErrorCode::kResourceExhausted, "queue is full");
  EXPECT_EQ(engine->stats().queued, 2u);
  EXPECT_EQ(engine->stats().refused, 2u);
  stop.request_stop();
  EXPECT_GT(second.get().queue_ms, 0);
  third.get();
  EXPECT_FALSE(first_of(engine->submit(ask("c")).get()).tokens.empty()) << "there is room again";
  EXPECT_EQ(first_of(running.get()).finish, FinishReason::kCancelled);
}

TEST_F(EngineTest, DrainingRefusesAndWaits) {
  const auto engine = make(1);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop;
  auto running = engine->submit(endless(begun), stop.get_token());
  auto waiting = engine->submit(ask("b"));
  begun->get_future().wait();
  EXPECT_FALSE(engine->drain(10ms)) << "one still runs";
  EXPECT_ERROR(engine->submit(ask("c")), ErrorCode::kFailedPrecondition, "draining");
  EXPECT_ERROR(engine->embed({"c"}), ErrorCode::kFailedPrecondition, "draining");
  stop.request_stop();
  EXPECT_TRUE(engine->drain(60s));
  EXPECT_EQ(running.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(waiting.wait_for(0s), std::future_status::ready);
  EXPECT_FALSE(first_of(waiting.get()).tokens.empty()) << "what was in is answered";
}

// ---- ends before its time --------------------------------------------------------------------------------------------

TEST_F(EngineTest, AWaitingRequestCanBeStopped) {
  const auto engine = make(1);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop, other;
  auto running = engine->submit(endless(begun), stop.get_token());
  auto waiting = engine->submit(ask("b"), other.get_token());
  begun->get_future().wait();
  other.request_stop();
  const auto result = waiting.get();
  EXPECT_EQ(first_of(result).finish, FinishReason::kCancelled);
  EXPECT_TRUE(first_of(result).tokens.empty());
  EXPECT_EQ(running.wait_for(0s), std::future_status::timeout);
  stop.request_stop();
}

TEST_F(EngineTest, ADeadlineEndsWithWhatIsThere) {
  const auto engine = make(1);
  const auto begun = std::make_shared<std::promise<void>>();
  auto request = endless(begun);
  request.deadline = std::chrono::steady_clock::now() + 700ms;
  auto running = engine->submit(request);
  auto late = ask("b");
  late.deadline = std::chrono::steady_clock::now() - 1s;
  EXPECT_EQ(first_of(engine->submit(late).get()).finish, FinishReason::kCancelled);
  EXPECT_EQ(first_of(running.get()).finish, FinishReason::kCancelled);
}

TEST_F(EngineTest, ItsEndStopsWhatRuns) {
  auto engine = make(1);
  const auto begun = std::make_shared<std::promise<void>>();
  auto running = engine->submit(endless(begun));
  auto waiting = engine->submit(ask("b"));
  begun->get_future().wait();
  engine.reset();
  EXPECT_EQ(first_of(running.get()).finish, FinishReason::kCancelled);
  EXPECT_EQ(first_of(waiting.get()).finish, FinishReason::kCancelled);
}

TEST_F(EngineTest, WhatACallbackThrowsIsInItsFutureAlone) {
  const auto engine = make(2);
  auto request = ask("Tell a long story.", {}, 40);
  request.generation.on_token = [](size_t, std::string_view) -> bool { throw Error(ErrorCode::kUnavailable, "client gone"); };
  auto failing = engine->submit(request), good = engine->submit(ask("Hi"));
  EXPECT_ERROR(failing.get(), ErrorCode::kUnavailable, "client gone");
  EXPECT_EQ(first_of(good.get()).finish == FinishReason::kCancelled, false);
}

TEST_F(EngineTest, ManyThreadsSubmitAndStop) {
  auto many = options(3);
  many.max_queued = 6;
  const auto engine = make(many);
  std::atomic<size_t> answered = 0, cancelled = 0, refused = 0;
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 8; ++i) {
        const char* const names[] = {"", "a", "b"};
        const std::string name = names[random() % 3];
        auto request = ask("Thread " + std::to_string(t) + " asks " + std::to_string(i), {}, 1 + random() % 6);
        if (!name.empty()) request.generation.fragments = {{name, {}}};
        if (random() % 4 == 0) request.active_from = 1;
        request.priority = random() % 2 == 0 ? Priority::kBatch : Priority::kInteractive;
        std::stop_source stop;
        try {
          auto future = engine->submit(request, stop.get_token());
          if (random() % 3 == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
            stop.request_stop();
          }
          const auto result = future.get();
          ++(first_of(result).finish == FinishReason::kCancelled ? cancelled : answered);
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted) << error.what();
          ++refused;
        }
        if (i == 4 && t == 0) engine->unload_fragment("a");
      }
    });
  }
  threads.clear();
  EXPECT_EQ(answered + cancelled + refused, 48u);
  EXPECT_GT(answered, 0u);
  const auto stats = engine->stats();
  EXPECT_EQ(stats.requests, answered + cancelled);
  EXPECT_EQ(stats.refused, refused);
  EXPECT_EQ(stats.cancelled, cancelled);
  EXPECT_EQ(stats.running + stats.queued, 0u);
  EXPECT_TRUE(engine->drain(1s));
}

// ---- fragments -------------------------------------------------------------------------------------------------------

TEST_F(EngineTest, FragmentsAreLoadedAndFreed) {
  const auto engine = make();
  EXPECT_THAT(engine->fragments(), ::testing::IsEmpty());
  const auto loaded = engine->load_fragment("a");
  EXPECT_EQ(loaded.name, "a");
  EXPECT_EQ(loaded.path, std::filesystem::canonical(*fragments_ / "a.gguf"));
  EXPECT_GT(loaded.bytes, 100000u);
  EXPECT_EQ(loaded.lanes, 0u);
  EXPECT_EQ(engine->stats().fragment_bytes, loaded.bytes);
  engine->submit(ask("Hi", {{"a", {}}})).get();
  engine->submit(ask("Hi", {{"a", 0.5f}})).get();
  ASSERT_EQ(engine->fragments().size(), 1u);
  EXPECT_EQ(engine->fragments()[0].lanes, 2u);
  EXPECT_EQ(engine->fragments()[0].requests, 0u);
  EXPECT_GT(engine->stats().lane_bytes, 0u);
  EXPECT_TRUE(engine->unload_fragment("a"));
  EXPECT_EQ(engine->stats().lanes, 0u);
  EXPECT_EQ(engine->stats().lane_bytes, 0u);
  EXPECT_EQ(engine->stats().fragment_bytes, 0u);
  EXPECT_FALSE(engine->unload_fragment("a")) << "it is not loaded any more";
  EXPECT_FALSE(engine->unload_fragment("nobody"));
  EXPECT_ERROR(engine->load_fragment("nobody"), ErrorCode::kNotFound, "nobody");
}

TEST_F(EngineTest, AFragmentInUseIsFreedWhenItsRequestIsThrough) {
  const auto engine = make(2);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop;
  auto running = engine->submit(endless(begun, {{"a", {}}}), stop.get_token());
  begun->get_future().wait();
  EXPECT_EQ(engine->fragments().at(0).requests, 1u);
  EXPECT_TRUE(engine->unload_fragment("a"));
  EXPECT_THAT(engine->fragments(), ::testing::IsEmpty());
  EXPECT_GT(engine->stats().fragment_bytes, 0u);
  EXPECT_EQ(engine->stats().lanes, 1u);
  // A new request has it again, beside the old one.
  engine->submit(ask("Hi", {{"a", {}}})).get();
  EXPECT_EQ(engine->stats().lanes, 2u);
  stop.request_stop();
  running.get();
  EXPECT_EQ(engine->stats().lanes, 1u);
  EXPECT_TRUE(engine->unload_fragment("a"));
  EXPECT_EQ(engine->stats().lane_bytes + engine->stats().fragment_bytes, 0u);
}

TEST_F(EngineTest, LanesBeyondTheBudgetAreDroppedLeastRecentlyUsedFirst) {
  auto probe = make(1);
  probe->submit(ask("Hi", {}, 1)).get();
  const uint64_t lane_bytes = probe->stats().lane_bytes;
  probe.reset();
  auto two = options(1);
  two.lanes.budget_bytes = 2 * lane_bytes + lane_bytes / 2;
  const auto engine = make(two);
  engine->submit(ask("Hi", {}, 1)).get();
  engine->submit(ask("Hi", {{"a", {}}}, 1)).get();
  engine->submit(ask("Hi", {}, 1)).get();
  engine->submit(ask("Hi", {{"b", {}}}, 1)).get();
  EXPECT_EQ(engine->stats().lanes, 2u);
  EXPECT_FALSE(engine->submit(ask("Hi", {}, 1)).get().lane_created);
  EXPECT_TRUE(engine->submit(ask("Hi", {{"a", {}}}, 1)).get().lane_created);
}

TEST_F(EngineTest, ARequestWaitsForALaneThatMustGoFirst) {
  auto tight = options(1);
  tight.lanes.budget_bytes = 1;
  const auto engine = make(tight);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop;
  auto running = engine->submit(endless(begun, {{"a", {}}}), stop.get_token());
  begun->get_future().wait();
  auto other = engine->submit(ask("Hi", {{"b", {}}}));
  auto same = engine->submit(ask("Hi", {{"a", {}}}));
  EXPECT_EQ(other.wait_for(200ms), std::future_status::timeout);
  stop.request_stop();
  EXPECT_EQ(first_of(running.get()).finish, FinishReason::kCancelled);
  EXPECT_FALSE(first_of(other.get()).tokens.empty());
  EXPECT_FALSE(first_of(same.get()).tokens.empty());
  EXPECT_EQ(engine->stats().lanes, 1u);
}

// ---- embeddings ------------------------------------------------------------------------------------------------------

TEST_F(EngineTest, EmbeddingsHaveLengthOneAndKnowWhatIsAlike) {
  const auto engine = make();
  const auto vectors = engine->embed({"The cat sleeps on the sofa.", "A cat is sleeping on a sofa.", "def add(a, b): return a + b"}).get();
  ASSERT_EQ(vectors.size(), 3u);
  const auto dot = [](const auto& a, const auto& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); };
  for (const auto& vector : vectors) {
    ASSERT_EQ(vector.size(), smollm()->n_embd());
    EXPECT_NEAR(dot(vector, vector), 1.0, 1e-4);
  }
  EXPECT_GT(dot(vectors[0], vectors[1]), dot(vectors[0], vectors[2]));
  EXPECT_GT(engine->stats().lane_bytes, 0u);
  const auto again = engine->embed({"The cat sleeps on the sofa."}).get();
  EXPECT_NEAR(dot(again[0], vectors[0]), 1.0, 1e-4);
}

TEST_F(EngineTest, AnswersGoOnBesideEmbeddingsWhichCanBeStopped) {
  const auto engine = make(1);
  const auto begun = std::make_shared<std::promise<void>>();
  std::stop_source stop, stop_embed;
  auto running = engine->submit(endless(begun), stop.get_token());
  begun->get_future().wait();
  EXPECT_EQ(engine->embed({"one", "two"}).get().size(), 2u);
  EXPECT_EQ(engine->stats().running, 1u);
  auto many = engine->embed(std::vector<std::string>(200, "a text"), stop_embed.get_token());
  stop_embed.request_stop();
  EXPECT_ERROR(many.get(), ErrorCode::kCancelled, "");
  stop.request_stop();
  EXPECT_EQ(first_of(running.get()).finish, FinishReason::kCancelled);
}

// ---- as a TextGenerator ----------------------------------------------------------------------------------------------

TEST_F(EngineTest, ItsGeneratorTakesMoreRequestsThanTheQueueAndCallsBackOnItsThread) {
  auto few = options(2);
  few.max_queued = 1;
  const auto engine = make(few);
  const auto generator = engine->generator(Priority::kBatch);
  EXPECT_EQ(generator->n_ctx_seq(), 512u);
  EXPECT_EQ(generator->model_name(), smollm()->name());
  std::vector<GenerationRequest> requests;
  std::vector<std::string> streamed(9);
  const auto here = std::this_thread::get_id();
  for (size_t i = 0; i < 9; ++i) {
    requests.push_back(ask("Name number " + std::to_string(i), {}, 4).generation);
    requests.back().on_token = [&, i](size_t, std::string_view text) {
      EXPECT_EQ(std::this_thread::get_id(), here);
      streamed[i] += text;
      return true;
    };
  }
  std::vector<size_t> done;
  const auto results = generator->generate(requests, {}, [&](size_t i, const GenerationResult&) { done.push_back(i); });
  ASSERT_EQ(results.size(), 9u);
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(first_of(results[i]).text, streamed[i]);
  std::sort(done.begin(), done.end());
  EXPECT_THAT(done, ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(EngineTest, ItsGeneratorPassesErrorsAndStopsOn) {
  const auto engine = make(2);
  const auto generator = engine->generator();
  EXPECT_ERROR(generator->generate_one(ask("Hi", {{"nobody", {}}}).generation, {}), ErrorCode::kNotFound, "nobody");
  auto request = ask("Tell a long story.", {}, 300).generation;
  request.on_token = [](size_t, std::string_view) -> bool { throw Error(ErrorCode::kUnavailable, "client gone"); };
  EXPECT_ERROR(generator->generate_one(request, {}), ErrorCode::kUnavailable, "client gone");
  request.on_token = [](size_t, std::string_view) { return false; };
  EXPECT_EQ(generator->generate_one(request, {}).output.samples.at(0).finish, FinishReason::kCancelled);
  std::stop_source stop;
  request.on_token = [&](size_t, std::string_view) { return stop.request_stop(), true; };
  EXPECT_EQ(generator->generate_one(request, stop.get_token()).output.samples.at(0).finish, FinishReason::kCancelled);
}

}  // namespace
}  // namespace aicoder
