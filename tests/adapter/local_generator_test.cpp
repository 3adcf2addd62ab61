#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "adapter/lora_file.h"
#include "aicoder/adapter.h"
#include "model/smollm.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::LoraFile;
using test::smollm;

class LocalGeneratorTest : public ::testing::Test {
 protected:
  LocalGeneratorTest() {
    LoraFile().add_all(smollm()->file(), 4, 1, 0.06f).write(dir_ / "a.gguf");
    LoraFile().add_all(smollm()->file(), 4, 1000, 0.06f).write(dir_ / "b.gguf");
  }
  LocalGenerator make(size_t n_seq_max = 1, size_t budget_bytes = size_t{2} << 30) {
    LaneOptions options{test::small_context(n_seq_max, true), budget_bytes};
    return LocalGenerator(smollm(), options, [this](std::string_view name) {
      ++resolved_;
      const auto path = dir_ / (std::string(name) + ".gguf");
      if (!std::filesystem::exists(path)) throw Error(ErrorCode::kNotFound, "[test] no fragment " + std::string(name));
      return path;
    });
  }
  static GenerationRequest ask(const std::string& text, std::vector<FragmentChoice> fragments = {}, size_t max_tokens = 16) {
    return {.messages = {{"user", text}}, .fragments = std::move(fragments), .max_tokens = max_tokens};
  }
  /// The text of a context made for this set alone.
  std::vector<Token> fresh(const GenerationRequest& request) {
    auto generator = make();
    return generator.generate_one(request, {}).output.samples[0].tokens;
  }
  test::TempDir dir_;
  size_t resolved_ = 0;
};

TEST_F(LocalGeneratorTest, AlternatingFragmentsEqualFreshContexts) {
  auto generator = make();
  const std::string task = "Write one sentence about rivers.";
  const std::vector<std::vector<FragmentChoice>> sets{{{"a", {}}}, {{"b", {}}}, {}};
  std::vector<std::vector<Token>> expected;
  for (const auto& set : sets) expected.push_back(fresh(ask(task, set)));
  EXPECT_NE(expected[0], expected[1]);
  EXPECT_NE(expected[0], expected[2]);
  for (const size_t which : {0, 1, 0, 1, 2, 0, 2}) {
    EXPECT_EQ(generator.generate_one(ask(task, sets[which]), {}).output.samples[0].tokens, expected[which]) << "set " << which;
  }
  EXPECT_EQ(generator.n_lanes(), 3u);
}

TEST_F(LocalGeneratorTest, LaneIsMadeOnceAndSaysSo) {
  auto generator = make();
  const auto first = generator.generate_one(ask("Hi", {{"a", {}}}), {});
  EXPECT_TRUE(first.lane_created);
  EXPECT_GT(first.switch_ms, 0);
  EXPECT_TRUE(generator.generate_one(ask("Hi"), {}).lane_created);
  const auto again = generator.generate_one(ask("Hi", {{"a", {}}}), {});
  EXPECT_FALSE(again.lane_created);
  EXPECT_EQ(generator.n_lanes(), 2u);
}

TEST_F(LocalGeneratorTest, StrengthIsPartOfTheLaneAndZeroIsTheBase) {
  auto generator = make();
  Context* base = &generator.lane({});
  EXPECT_EQ(&generator.lane(std::vector<FragmentChoice>{{"a", 0.0f}}), base);
  EXPECT_NE(&generator.lane(std::vector<FragmentChoice>{{"a", 0.5f}}), base);
  EXPECT_NE(&generator.lane(std::vector<FragmentChoice>{{"a", 0.5f}}), &generator.lane(std::vector<FragmentChoice>{{"a", 0.6f}}));
  EXPECT_EQ(&generator.lane(std::vector<FragmentChoice>{{"a", {}}}), &generator.lane(std::vector<FragmentChoice>{{"a", 1.0f}}));
  const std::vector<FragmentChoice> ab{{"a", {}}, {"b", {}}}, ba{{"b", {}}, {"a", {}}};
  EXPECT_EQ(&generator.lane(ab), &generator.lane(ba)) << "the order of naming does not matter";
}

TEST_F(LocalGeneratorTest, DefaultStrengthComesFromTheFile) {
  auto file = LoraFile();
  file.add_all(smollm()->file(), 4, 1, 0.06f);
  file.metadata["aicoder.strength"] = 0.5f;
  file.write(dir_ / "half.gguf");
  auto generator = make();
  EXPECT_EQ(&generator.lane(std::vector<FragmentChoice>{{"half", {}}}), &generator.lane(std::vector<FragmentChoice>{{"half", 0.5f}}));
}

TEST_F(LocalGeneratorTest, LanesBeyondTheBudgetAreDroppedLeastRecentlyUsedFirst) {
  size_t lane_bytes = 0;
  {
    auto probe = make();
    lane_bytes = probe.lane({}).memory_bytes();
  }
  auto generator = make(1, 2 * lane_bytes + lane_bytes / 2);
  generator.lane({});
  generator.lane(std::vector<FragmentChoice>{{"a", {}}});
  generator.lane({});  // the base is used again
  generator.lane(std::vector<FragmentChoice>{{"b", {}}});
  EXPECT_EQ(generator.n_lanes(), 2u);
  EXPECT_FALSE(generator.generate_one(ask("Hi", {}, 1), {}).lane_created);
  EXPECT_TRUE(generator.generate_one(ask("Hi", {{"a", {}}}, 1), {}).lane_created);
  auto tight = make(1, 1);
  tight.lane({});
  tight.lane(std::vector<FragmentChoice>{{"a", {}}});
  EXPECT_EQ(tight.n_lanes(), 1u) << "one lane stays whatever the budget";
}

TEST_F(LocalGeneratorTest, RequestsOfSeveralSetsComeBackInTheirOrder) {
  auto generator = make(2);
  const std::vector<GenerationRequest> requests{ask("Name a colour.", {{"a", {}}}), ask("Name a fruit."),
                                                ask("Name an animal.", {{"a", {}}}), ask("Name a city.", {{"b", 0.5f}})};
  std::vector<size_t> done;
  const auto results = generator.generate(requests, {}, [&](size_t i, const GenerationResult& result) {
    done.push_back(i);
    EXPECT_FALSE(result.output.samples.empty());
  });
  ASSERT_EQ(results.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i].output.samples[0].tokens, fresh(requests[i])) << "request " << i;
  std::sort(done.begin(), done.end());
  EXPECT_EQ(done, (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(generator.n_lanes(), 3u);
  EXPECT_TRUE(results[0].lane_created);
  EXPECT_FALSE(results[2].lane_created) << "the same lane";
}

TEST_F(LocalGeneratorTest, PromptIsTheChatTemplateAndThePrefix) {
  auto generator = make();
  const std::vector<ChatMessage> messages{{"system", "Be brief."}, {"user", "Say hello."}};
  const auto text = smollm()->apply_chat_template(messages);
  EXPECT_EQ(generator.count_tokens(messages), smollm()->tokenize(text, {.parse_special = true}).size());
  GenerationRequest request{.messages = messages, .assistant_prefix = "The answer, in three words, is:", .max_tokens = 8};
  const auto result = generator.generate_one(request, {});
  Context context(smollm(), test::small_context(1, true));
  const auto prompt = smollm()->tokenize(text + request.assistant_prefix, {.parse_special = true});
  EXPECT_EQ(result.output.prompt_tokens, prompt.size());
  EXPECT_EQ(result.output.samples[0].text, context.generate({.prompt = prompt, .max_tokens = 8}).samples[0].text);
  EXPECT_EQ(generator.n_ctx_seq(), 512u);
  EXPECT_EQ(generator.model_name(), smollm()->name());
}

TEST_F(LocalGeneratorTest, TooLongARequestIsRefusedBeforeAnyLaneIsMade) {
  auto generator = make();
  std::string text;
  for (int i = 0; i < 600; ++i) text += " word";
  const std::vector<GenerationRequest> requests{ask("short"), ask(text)};
  EXPECT_THROW(generator.generate(requests, {}), ContextOverflow);
  EXPECT_EQ(generator.n_lanes(), 0u);
}

TEST_F(LocalGeneratorTest, UnknownOrDoubledFragmentsAreRefused) {
  auto generator = make();
  EXPECT_ERROR(generator.generate_one(ask("Hi", {{"nobody", {}}}), {}), ErrorCode::kNotFound, "nobody");
  EXPECT_ERROR(generator.generate_one(ask("Hi", {{"a", 0.1f}, {"a", 0.2f}}), {}), ErrorCode::kInvalidArgument, "twice");
}

TEST_F(LocalGeneratorTest, AFragmentBuiltAgainIsLoadedAgain) {
  auto generator = make();
  const auto request = ask("Write one sentence about rivers.", {{"a", {}}});
  const auto before = generator.generate_one(request, {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the file's time has to move
  LoraFile().add_all(smollm()->file(), 4, 1000, 0.06f).write(dir_ / "a.gguf");
  const auto after = generator.generate_one(request, {});
  EXPECT_TRUE(after.lane_created);
  EXPECT_NE(after.output.samples[0].tokens, before.output.samples[0].tokens);
}

TEST_F(LocalGeneratorTest, StoppedBeforeItBeganEverySampleIsCancelled) {
  auto generator = make();
  std::stop_source stop;
  stop.request_stop();
  auto request = ask("Hi", {{"a", {}}});
  request.n = 3;
  const auto result = generator.generate_one(request, stop.get_token());
  ASSERT_EQ(result.output.samples.size(), 3u);
  for (const auto& sample : result.output.samples) EXPECT_EQ(sample.finish, FinishReason::kCancelled);
  EXPECT_EQ(generator.n_lanes(), 0u);
}

}  // namespace
}  // namespace aicoder
