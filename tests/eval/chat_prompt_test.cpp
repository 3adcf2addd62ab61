#include "eval/chat_prompt.h"

#include <gmock/gmock.h>

#include "support/error_matcher.h"

namespace aicoder::eval {
namespace {

EvalTask documented_task() {
  EvalTask task;
  task.prompt = "\n\ndef f():\n    \"\"\" Doc\n    \"\"\"\n";
  task.tests = {"HIDDEN"};
  return task;
}

TEST(ChatPrompt, IsTheReferencesByteForByte) {
  EvalOptions options;
  options.convention = Convention::kEvalPlus;
  options.fragments = {{"coder", 0.3f}};
  options.seed = 5;
  const auto request = answer_request(documented_task(), options);
  ASSERT_EQ(request.messages.size(), 1u);
  EXPECT_EQ(request.messages[0].role, "user");
  EXPECT_EQ(request.messages[0].content,
            "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
            "```\ndef f():\n    \"\"\" Doc\n    \"\"\"\n```\n");
  EXPECT_EQ(request.assistant_prefix,
            "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:\n```python\n");
  EXPECT_EQ(request.sampling.temperature, 0.0f);
  EXPECT_EQ(request.max_tokens, 768u);
  EXPECT_EQ(request.n, 1u);
  EXPECT_THAT(request.stop_strings, testing::Contains("\n```"));
  ASSERT_EQ(request.fragments.size(), 1u);
  EXPECT_EQ(request.fragments[0].name, "coder");
}

TEST(ChatPrompt, ASystemMessageOfTheCallerReplacesTheConventions) {
  EvalOptions options;
  options.system_prompt = "Check the edge cases.";
  for (const Convention convention : {Convention::kQwen, Convention::kEvalPlus}) {
    options.convention = convention;
    const auto request = answer_request(documented_task(), options);
    ASSERT_EQ(request.messages.size(), 2u);
    EXPECT_EQ(request.messages[0].role, "system");
    EXPECT_EQ(request.messages[0].content, "Check the edge cases.");
  }
}

TEST(ChatPrompt, OfTheQwenConventionIsTheReferencesByteForByte) {
  EvalOptions options;
  options.convention = Convention::kQwen;
  const auto request = answer_request(documented_task(), options);
  ASSERT_EQ(request.messages.size(), 2u);
  EXPECT_EQ(request.messages[0].role, "system");
  EXPECT_EQ(request.messages[0].content, "You are an intelligent programming assistant to produce Python algorithmic solutions");
  EXPECT_EQ(request.messages[1].role, "user");
  EXPECT_EQ(request.messages[1].content,
            "Can you complete the following Python function?\n```python\ndef f():\n    \"\"\" Doc\n    \"\"\"\n```\n");
  EXPECT_EQ(request.assistant_prefix, "```python\n");
}

TEST(ChatPrompt, ConventionsAreNamedAndVersioned) {
  for (const Convention convention : {Convention::kEvalPlus, Convention::kQwen}) {
    EXPECT_EQ(parse_convention(to_string(convention)), convention);
  }
  EXPECT_STRNE(prompt_version(TaskKind::kFunction, Convention::kEvalPlus), prompt_version(TaskKind::kFunction, Convention::kQwen));
  EXPECT_ERROR(parse_convention("mine"), ErrorCode::kInvalidArgument, "'mine' is no convention");
}

}  // namespace
}  // namespace aicoder::eval
