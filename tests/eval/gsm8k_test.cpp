#include <gmock/gmock.h>

#include <fstream>

#include "aicoder/eval.h"
#include "aicoder/sandbox.h"
#include "eval/fakes.h"
#include "eval/grader.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using test::FakeGenerator;
using test::FakeRunner;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kData = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data/gsm8k/v1";

EvalOptions gsm8k() {
  EvalOptions options;
  options.suite = "gsm8k";
  options.data = kData / "sample.jsonl";
  return options;
}

TEST(Gsm8kRows, AreKnownByTheirPlaceAndGradeByTheMarkedNumber) {
  const auto tasks = eval::load_gsm8k(kData / "sample.jsonl");
  ASSERT_EQ(tasks.size(), 4u);
  EXPECT_EQ(tasks[0].id, "GSM8K/0");
  EXPECT_EQ(tasks[1].tests.front(), "3,450");
  EXPECT_EQ(tasks[2].tests.front(), "-5");
}

TEST(Gsm8kRows, BadOnesAreRefusedByLine) {
  const test::TempDir dir;
  const auto load = [&](const std::string& text) {
    std::ofstream(dir / "rows.jsonl") << text;
    return eval::load_gsm8k(dir / "rows.jsonl");
  };
  EXPECT_ERROR(load("{\"question\": \"q\", \"answer\": \"5\"}"), ErrorCode::kInvalidArgument, "line 1: expected an 'answer' that ends in");
  EXPECT_ERROR(load("{\"question\": \"q\", \"answer\": \"#### none\"}"), ErrorCode::kInvalidArgument, "line 1");
  EXPECT_ERROR(load("{\"question\": \"q\"}"), ErrorCode::kInvalidArgument, "expected a string 'answer', found no such field");
  EXPECT_ERROR(load("{\"task_id\": 1}"), ErrorCode::kInvalidArgument, "expected a string 'question'");
  EXPECT_ERROR(eval::load_gsm8k(dir / "none.jsonl"), ErrorCode::kNotFound, "none.jsonl");
}

TEST(Gsm8k, PassedIsTheLastNumberAndStrictTheMarkedOne) {
  FakeGenerator generator([](const GenerationRequest& request) -> std::string {
    const std::string& question = request.messages.back().content;
    if (question.find("seedlings") != std::string::npos) return "6 * 7 = 42, 42 - 5 = 37\n#### 37";
    if (question.find("ferry") != std::string::npos) return "That makes 3450.00 people.";
    if (question.find("cellar") != std::string::npos) return "#### 5";
    return "I do not know.";
  });
  FakeRunner runner([](const nlohmann::json&) { return false; });
  const auto report = run_suite(generator, runner, gsm8k());
  ASSERT_EQ(report.n, 4u);
  EXPECT_EQ(report.passed, 2u);
  EXPECT_EQ(report.counts, (std::map<std::string, size_t>{{"flexible", 2}, {"strict", 1}}));
  EXPECT_EQ(report.items[0].verdict, "OK");
  EXPECT_EQ(report.items[0].solution, "37");
  EXPECT_EQ(report.items[1].counts.at("strict"), 0u);
  EXPECT_TRUE(report.items[1].passed);
  EXPECT_EQ(report.items[2].verdict, "WRONG");
  EXPECT_EQ(report.items[2].detail, "expected -5");
  EXPECT_EQ(report.items[3].verdict, "NO_ANSWER");
  EXPECT_EQ(runner.runs, 0u);
}

TEST(Gsm8k, CountsAreReadBackAndAResumedRunHasThem) {
  const test::TempDir out;
  FakeGenerator generator([](const GenerationRequest&) { return "#### 37"; });
  FakeRunner runner([](const nlohmann::json&) { return false; });
  auto options = gsm8k();
  options.out_dir = out.path();
  const auto report = run_suite(generator, runner, options);
  EXPECT_EQ(report.counts.at("strict"), 1u);
  EXPECT_EQ(read_report(out.path()).counts, report.counts);
  const auto again = run_suite(generator, runner, options);
  EXPECT_EQ(again.resumed, 4u);
  EXPECT_EQ(again.counts, report.counts);
  EXPECT_EQ(compare(report, again).both, 1u);
}

TEST(Gsm8k, ThePromptHoldsTheQuestionAndNothingOfTheAnswer) {
  FakeGenerator generator([](const GenerationRequest&) { return "1"; });
  FakeRunner runner([](const nlohmann::json&) { return false; });
  run_suite(generator, runner, gsm8k());
  const auto& request = generator.asked.at(0);
  ASSERT_EQ(request.messages.size(), 1u);
  EXPECT_THAT(request.messages[0].content, HasSubstr("How many seedlings does she keep?\n\nPlease reason step by step"));
  EXPECT_THAT(request.messages[0].content, Not(HasSubstr("37")));
  EXPECT_EQ(request.assistant_prefix, "");
  EXPECT_THAT(request.stop_strings, Not(testing::Contains("\n```")));
}

TEST(Gsm8kShots, AreTurnsBeforeTheQuestionWithoutTheCalculatorsNotes) {
  FakeGenerator generator([](const GenerationRequest&) { return "1"; });
  FakeRunner runner([](const nlohmann::json&) { return false; });
  auto options = gsm8k();
  options.n_shots = 2;
  options.shots_data = kData / "shots.jsonl";
  const auto report = run_suite(generator, runner, options);
  const auto& messages = generator.asked.at(0).messages;
  ASSERT_EQ(messages.size(), 5u);
  EXPECT_EQ(messages[0].role, "user");
  EXPECT_THAT(messages[0].content, HasSubstr("Ola reads"));
  EXPECT_THAT(messages[0].content, HasSubstr("Please reason step by step"));
  EXPECT_EQ(messages[1].role, "assistant");
  EXPECT_THAT(messages[1].content, testing::EndsWith("12 * 2 = 24 pages.\nIn all she reads 12 + 24 = 36 pages.\n#### 36"));
  EXPECT_THAT(messages[4].content, HasSubstr("seedlings"));
  // Another prompt is another task: the two runs do not pair.
  EXPECT_ERROR(compare(report, run_suite(generator, runner, gsm8k())), ErrorCode::kInvalidArgument, "is not the same task");
}

TEST(Gsm8kShots, ImpossibleOnesAreRefused) {
  auto options = gsm8k();
  options.n_shots = 3;
  EXPECT_ERROR(check_suite(options), ErrorCode::kInvalidArgument, "no rows to take them from");
  options.shots_data = kData / "none.jsonl";
  EXPECT_ERROR(check_suite(options), ErrorCode::kNotFound, "none.jsonl");
  options.shots_data = kData / "shots.jsonl";
  EXPECT_ERROR(check_suite(options), ErrorCode::kInvalidArgument, "has 2 rows, 3 shots are asked for");
  options.n_shots = 1;
  options.shots_data = options.data;
  EXPECT_ERROR(check_suite(options), ErrorCode::kInvalidArgument, "row 1 of");
  options.shots_data = kData / "shots.jsonl";
  EXPECT_EQ(check_suite(options), 4u);
  options.suite = "quixbugs";
  options.data = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data/quixbugs/v1/sample.jsonl";
  EXPECT_ERROR(check_suite(options), ErrorCode::kInvalidArgument, "shots are for gsm8k");
}

TEST(Gsm8k, TheAgentGetsTheQuestionAloneAndItsNumberIsGraded) {
  FakeGenerator generator([](const GenerationRequest& request) {
    return request.assistant_prefix.empty() ? std::string("So it is\n#### 37") : std::string("    return 6 * 7 - 5\n```");
  });
  Sandbox box;
  auto options = gsm8k();
  options.mode = Mode::kAgent;
  options.limit = 1;
  const auto report = run_suite(generator, box, options);
  ASSERT_EQ(report.n, 1u);
  EXPECT_EQ(report.mode, "agent");
  EXPECT_EQ(report.items[0].finish, "ran") << "a program computed the same number";
  EXPECT_TRUE(report.items[0].passed);
  ASSERT_EQ(generator.asked.size(), 2u) << "words and a program, and no more once they agree";
  for (const auto& request : generator.asked) {
    EXPECT_NE(request.messages.back().content.find(eval::load_gsm8k(kData / "sample.jsonl")[0].prompt), std::string::npos);
  }
}

}  // namespace
}  // namespace aicoder
