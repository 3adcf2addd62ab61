// Rows, prompt, and grading by the real programs in the real sandbox.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "eval/chat_prompt.h"
#include "eval/grader.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::eval {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kSample = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data/quixbugs/v1/sample.jsonl";

std::map<std::string, EvalTask> tasks_by_name() {
  std::map<std::string, EvalTask> tasks;
  for (auto& task : load_quixbugs(kSample)) tasks[task.entry_point] = std::move(task);
  return tasks;
}

std::map<std::string, nlohmann::json> rows_by_name() {
  std::map<std::string, nlohmann::json> rows;
  std::ifstream in(kSample);
  for (std::string line; std::getline(in, line);) {
    auto row = nlohmann::json::parse(line);
    if (row["language"] == "python") rows[row["name"].get<std::string>()] = row;
  }
  return rows;
}

TEST(QuixBugsRows, ArePythonsOnly) {
  const auto tasks = load_quixbugs(kSample);
  ASSERT_EQ(tasks.size(), 6u);
  EXPECT_EQ(tasks[0].id, "QuixBugs/triangle");
  EXPECT_EQ(tasks[0].entry_point, "triangle");
}

TEST(QuixBugsRows, ShowTheFirstHalfOfTheCasesAndGradeByAll) {
  const auto tasks = tasks_by_name();
  EXPECT_EQ(tasks.at("triangle").visible, "assert triangle(0) == 0\nassert triangle(3) == 6");
  EXPECT_EQ(tasks.at("triangle").tests.size(), 4u);
  EXPECT_EQ(tasks.at("countdown").visible, "assert list(countdown(3)) == [3, 2, 1]");
  EXPECT_EQ(tasks.at("hanoi").visible, "assert hanoi(1, 1, 3) == [(1, 3)]");
  EXPECT_EQ(tasks.at("sqrt").visible, "assert abs(sqrt(9, 0.01) - 3.0) <= 0.01");
  EXPECT_EQ(tasks.at("turn_around").visible, "");
  EXPECT_EQ(tasks.at("turn_around").tests.size(), 1u);
}

TEST(QuixBugsRows, CasesThatTheFixedProgramCannotFinishAreLeftOut) { EXPECT_EQ(tasks_by_name().at("levenshtein").tests.size(), 2u); }

TEST(QuixBugsRows, BadOnesAreRefusedByLine) {
  const test::TempDir dir;
  const auto load = [&](const std::string& text) {
    std::ofstream(dir / "rows.jsonl") << text;
    return load_quixbugs(dir / "rows.jsonl");
  };
  const std::string head = R"({"name": "f", "language": "python", "buggy": "b", "fixed": "c")";
  EXPECT_ERROR(load(head + "}"), ErrorCode::kInvalidArgument, "line 1: expected 'testcases' or a 'driver', found neither");
  EXPECT_ERROR(load(head + R"(, "testcases": {}})"), ErrorCode::kInvalidArgument, "expected a list 'testcases', found object");
  EXPECT_ERROR(load(head + R"(, "testcases": [[1, 2]]})"), ErrorCode::kInvalidArgument, "found [1,2]");
  EXPECT_ERROR(load(head + R"(, "testcases": [[[1], 2]]})" + "\n" + head + R"(, "testcases": [[[1], 2]]})"), ErrorCode::kInvalidArgument,
               "line 2: program \"f\" comes a second time");
  EXPECT_ERROR(load(R"({"name": "f", "buggy": "b"})"), ErrorCode::kInvalidArgument, "expected a string 'language'");
}

TEST(QuixBugsPrompt, ShowsTheProgramAndTheVisibleCases) {
  const auto request = answer_request(tasks_by_name().at("triangle"), {});
  ASSERT_EQ(request.messages.size(), 1u);
  const std::string& prompt = request.messages[0].content;
  EXPECT_THAT(prompt, HasSubstr("```python\ndef triangle(n):"));
  EXPECT_THAT(prompt, HasSubstr("The sum of the numbers from 1 to n."));
  EXPECT_THAT(prompt, HasSubstr("```python\nassert triangle(0) == 0\nassert triangle(3) == 6\n```\n"));
  EXPECT_THAT(prompt, Not(HasSubstr("55")));
  EXPECT_THAT(prompt, Not(HasSubstr("n + 1")));
  EXPECT_EQ(request.assistant_prefix, "```python\n");
}

TEST(QuixBugsPrompt, ItsVisibleCasesAreExamplesToTheLoop) {
  const auto examples = read_examples(problem_message(tasks_by_name().at("triangle"), Convention::kQwen));
  ASSERT_EQ(examples.size(), 2u);
  EXPECT_THAT(examples[1].check, HasSubstr("triangle(3)"));
}

TEST(QuixBugsPrompt, WithoutCasesShowsTheProgramAlone) {
  const std::string prompt = problem_message(tasks_by_name().at("turn_around"), Convention::kQwen);
  EXPECT_THAT(prompt, Not(HasSubstr("checks")));
  EXPECT_THAT(prompt, Not(HasSubstr("main()")));
}

class QuixBugsGrade : public testing::Test {
 protected:
  Grade grade(const std::string& name, const std::string& answer) { return Grader(box_, limits_).grade(tasks_.at(name), answer, {}); }
  Sandbox box_;
  SandboxLimits limits_;
  std::map<std::string, EvalTask> tasks_ = tasks_by_name();
};

TEST_F(QuixBugsGrade, FixedProgramsPassAndBuggyOnesFail) {
  for (const auto& [name, row] : rows_by_name()) {
    const Grade good = grade(name, row["fixed"].get<std::string>());
    EXPECT_TRUE(good.passed) << name << " " << good.verdict << " " << good.detail;
    if (name == "sqrt") continue;  // does not end
    EXPECT_FALSE(grade(name, row["buggy"].get<std::string>()).passed) << name;
  }
}

TEST_F(QuixBugsGrade, ARepairOfTheVisibleHalfAloneFails) {
  const Grade result = grade("triangle", "def triangle(n):\n    return {0: 0, 3: 6}.get(n)\n");
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.detail, "AssertionError");
}

TEST_F(QuixBugsGrade, AListWhereTheOriginalYieldsPasses) {
  EXPECT_TRUE(grade("countdown", "def countdown(n):\n    return list(range(n, 0, -1))\n").passed);
}

TEST_F(QuixBugsGrade, AnotherRootWithinItsEpsilonPasses) {
  EXPECT_TRUE(grade("sqrt", "def sqrt(x, epsilon):\n    return x ** 0.5\n").passed);
  EXPECT_FALSE(grade("sqrt", "def sqrt(x, epsilon):\n    return x ** 0.5 + 2 * epsilon\n").passed);
}

TEST_F(QuixBugsGrade, ADriversCallsMustAllAgree) {
  EXPECT_FALSE(grade("turn_around", "def turn_around(node):\n    return node\n").passed);
  EXPECT_FALSE(grade("turn_around", "import os\ndef turn_around(node):\n    os._exit(0)\n    return node\n").passed);
}

}  // namespace
}  // namespace aicoder::eval
