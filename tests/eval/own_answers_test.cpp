#include <gtest/gtest.h>

#include <fstream>

#include "aicoder/eval.h"
#include "eval/fakes.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class OwnAnswersTest : public testing::Test {
 protected:
  std::filesystem::path rows(int64_t first_id) {
    std::ofstream out(dir_ / "rows.jsonl");
    for (int i = 0; i < 6; ++i) {
      const nlohmann::json row = {{"task_id", first_id + i},
                                  {"prompt", "number " + std::to_string(i) + " "},
                                  {"code", "def f(): pass"},
                                  {"test_list", {"assert f()"}}};
      out << row.dump() << "\n";
    }
    return dir_ / "rows.jsonl";
  }
  OwnAnswers answers(EvalOptions options) {
    test::FakeGenerator generator([](const GenerationRequest& request) {
      const auto& text = request.messages.back().content;
      return std::stoi(text.substr(text.find("number ") + 7)) % 2 == 0 ? "right" : "wrong";
    });
    test::FakeRunner runner(test::is_right);
    return own_answers(generator, runner, options);
  }
  test::TempDir dir_;
};

TEST_F(OwnAnswersTest, AreTheConversationsWhoseAnswerPassed) {
  EvalOptions options;
  options.suite = "mbpp";
  options.data = rows(601);
  const auto own = answers(options);
  const auto& records = own.passed;
  ASSERT_EQ(records.size(), 3u);
  for (const auto& record : records) {
    ASSERT_EQ(record.messages.size(), 3u);
    EXPECT_EQ(record.messages[0].role, "system");
    EXPECT_EQ(record.messages[1].role, "user");
    EXPECT_EQ(record.messages[2].role, "assistant");
    EXPECT_EQ(record.messages[2].content, "```python\nright\n```");
  }
  ASSERT_FALSE(own.failed.empty());
  for (const auto& record : own.failed) EXPECT_EQ(record.messages[2].content, "```python\nwrong\n```");
}

TEST_F(OwnAnswersTest, OfSeveralSamplesTheFirstIsGreedyAndEqualOnesStayOnce) {
  EvalOptions options;
  options.suite = "mbpp";
  options.data = rows(601);
  options.out_dir = dir_ / "runs";
  std::vector<float> temperatures;
  std::vector<uint32_t> seeds;
  test::FakeGenerator generator([&](const GenerationRequest& request) {
    temperatures.push_back(request.sampling.temperature);
    seeds.push_back(request.sampling.seed);
    return request.sampling.seed == 2 ? "right\n" : "right";  // the third answer alone differs
  });
  test::FakeRunner runner(test::is_right);
  const auto own = own_answers(generator, runner, options, 3, 0.7f);
  EXPECT_EQ(own.passed.size(), 12u);
  ASSERT_EQ(temperatures.size(), 18u);
  EXPECT_EQ(temperatures.front(), 0.0f);
  EXPECT_EQ(temperatures.back(), 0.7f);
  EXPECT_EQ((std::vector<uint32_t>{seeds[0], seeds[6], seeds[12]}), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "runs/sample-2/items.jsonl"));
  EXPECT_EQ(own_answers(generator, runner, options, 3, 0.7f).passed.size(), 12u);
  EXPECT_EQ(temperatures.size(), 18u) << "what is on disk is asked for again";
  EXPECT_ERROR(own_answers(generator, runner, options, 0), ErrorCode::kInvalidArgument, "samples is 0");
  EXPECT_ERROR(own_answers(generator, runner, options, 2, 0.0f), ErrorCode::kInvalidArgument, "temperature 0");
}

TEST_F(OwnAnswersTest, TheSystemPromptOfTheAnswersIsNotPartOfThem) {
  EvalOptions options;
  options.suite = "mbpp";
  options.data = rows(601);
  const auto plain = answers(options).passed;
  options.system_prompt = "Think of every edge case.";
  const auto prompted = answers(options).passed;
  ASSERT_EQ(prompted.size(), plain.size());
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(prompted[i].messages[0].content, plain[i].messages[0].content);
}

TEST_F(OwnAnswersTest, RowsOfOtherSuitesMustSayThatTheyChoose) {
  EvalOptions options;
  options.suite = "gsm8k";
  options.data = dir_ / "gsm8k.jsonl";
  write_file_atomic(options.data, R"~({"question": "1 + 1?", "answer": "#### 2", "use": "select"})~"
                                  "\n"
                                  R"~({"question": "1 + 2?", "answer": "#### 3"})~"
                                  "\n");
  EXPECT_ERROR(answers(options), ErrorCode::kInvalidArgument, "GSM8K/1, which does not say \"use\": \"select\"");
}

TEST_F(OwnAnswersTest, TasksThatJudgeAreRefused) {
  EvalOptions options;
  options.suite = "mbpp";
  options.data = rows(598);
  EXPECT_ERROR(answers(options), ErrorCode::kInvalidArgument, "598");
  options.suite = "humaneval";
  EXPECT_ERROR(answers(options), ErrorCode::kInvalidArgument, "humaneval");
}

}  // namespace
}  // namespace aicoder
