#include "eval/chat_prompt.h"

#include <gmock/gmock.h>

namespace aicoder::eval {
namespace {

TEST(ChatPrompt, IsTheReferencesByteForByte) {
  EvalTask task;
  task.prompt = "\n\ndef f():\n    \"\"\" Doc\n    \"\"\"\n";
  task.tests = {"HIDDEN"};
  const auto request = answer_request(task, {{"coder", 0.3f}}, 768, 5);
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

}  // namespace
}  // namespace aicoder::eval
