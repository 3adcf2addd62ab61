#include "agent/prompt.h"

#include <gtest/gtest.h>

#include "agent/fakes.h"
#include "agent/run_state.h"

namespace aicoder::agent {
namespace {

using test::FakeGenerator;

FakeGenerator generator_of(size_t n_ctx) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return ""; });
  generator.n_ctx = n_ctx;
  return generator;
}

TEST(FitPrompt, KeepsEverythingThatFits) {
  auto generator = generator_of(4096);
  Prompt prompt = fit_prompt(generator, "system", {{"user", "before"}, {"assistant", "answer"}}, {{"task", {}, "the task", 0}}, 100);
  ASSERT_EQ(prompt.messages.size(), 4U);
  EXPECT_EQ(prompt.messages.back().content, "task");
  EXPECT_TRUE(prompt.notes.empty());
}
TEST(FitPrompt, ShortensTheLeastRelevantFirstAndSaysSo) {
  auto generator = generator_of(1000);
  std::string body = "def f():\n    \"\"\"Doc.\"\"\"\n" + std::string(2000, '#') + "\n    return 1\n";
  std::vector<PromptPart> parts = {
      file_part("Other file", "far.py", body, 9), file_part("Other file", "near.py", body, 3), {"task", {}, "the task", 0}};
  Prompt prompt = fit_prompt(generator, "system", {}, parts, 200);
  const std::string& text = prompt.messages.back().content;
  EXPECT_NE(text.find("far.py [shortened: signatures only]"), std::string::npos) << text;
  EXPECT_EQ(text.find("near.py [shortened"), std::string::npos);
  EXPECT_EQ(prompt.notes, std::vector<std::string>{"far.py: shortened"});
}
TEST(FitPrompt, LeavesOutWithANoteAndDropsOldTurnsLast) {
  auto generator = generator_of(700);
  std::vector<ChatMessage> history = {
      {"user", std::string(900, 'u')}, {"assistant", std::string(900, 'a')}, {"user", "last"}, {"assistant", "kept"}};
  Prompt prompt = fit_prompt(generator, "system", history, {{std::string(3000, 'x'), {}, "big.txt", 4}, {"task", {}, "the task", 0}}, 300);
  EXPECT_NE(prompt.messages.back().content.find("[big.txt left out: no room]"), std::string::npos);
  EXPECT_NE(prompt.messages.front().content.find("2 earlier messages"), std::string::npos);
  EXPECT_EQ(prompt.messages[1].content, "last");
  EXPECT_EQ(prompt.notes.size(), 2U);
}
TEST(FitPrompt, RefusesWhatCannotFit) {
  auto generator = generator_of(300);
  EXPECT_THROW(fit_prompt(generator, "system", {}, {{std::string(3000, 'x'), {}, "the task", 0}}, 100), ContextOverflow);
}
TEST(RulesPart, IsFencedAndItsShortFormSaysWhatIsMissing) {
  const PromptPart few = rules_part("Use tabs.\n```\nx\n```", 3);
  EXPECT_EQ(few.full, "Rules of this project (AGENTS.md):\n````\nUse tabs.\n```\nx\n```\n````\n\n");
  EXPECT_TRUE(few.reduced.empty());
  std::string many;
  for (int i = 0; i < 200; ++i) many += "rule number " + std::to_string(i) + "\n";
  const PromptPart long_one = rules_part(many, 3);
  EXPECT_LT(long_one.reduced.size(), 1700U);
  EXPECT_NE(long_one.reduced.find("rule number 0\n"), std::string::npos);
  EXPECT_NE(long_one.reduced.find(" more lines of it not shown]"), std::string::npos);
}
TEST(SystemPrompt, StaysFarBelowAThousandTokens) {
  for (Role role : {Role::kCoder, Role::kDebugger, Role::kSecurity, Role::kAssistant}) {
    EXPECT_LT(system_prompt(role, true).size(), 1000U);  // bytes, so tokens all the more
  }
}
TEST(SystemPrompt, KoreanTaskGetsKorean) {
  EXPECT_NE(system_prompt(Role::kAssistant, true).find("한국어"), std::string::npos);
  EXPECT_EQ(system_prompt(Role::kAssistant, false).find("한국어"), std::string::npos);
  EXPECT_TRUE(is_korean("로그인 기능을 추가해줘"));
  EXPECT_FALSE(is_korean("ログイン機能 登录 login é"));
}
TEST(FenceFor, IsLongerThanAnyInTheText) {
  EXPECT_EQ(fence_for("x"), "```");
  EXPECT_EQ(fence_for("a ```` b"), "`````");
}
TEST(CondenseFailures, TellsOneCauseOnce) {
  BoxReport report;
  Outcome outcome{"error",
                  "NotImplementedError: no",
                  "NotImplementedError",
                  "",
                  {{"tests/test_a.py", 3, "t", "f()"}, {"a.py", 2, "f", "raise NotImplementedError"}}};
  report.results["tests/test_a.py::T::x"] = outcome;
  report.results["tests/test_a.py::T::y"] = outcome;
  EXPECT_EQ(condense_failures(report, {"tests/test_a.py::T::x", "tests/test_a.py::T::y"}, 5),
            "- x, y: NotImplementedError: no\n    a.py:2: raise NotImplementedError\n");
}
TEST(OnlyTests, KeepsSetUpAndTheNamedTests) {
  std::string file =
      "import unittest\n\nclass T(unittest.TestCase):\n    def setUp(self):\n        self.x = 1\n\n    def test_a(self):\n        pass\n\n "
      "   def test_b(self):\n"
      "        pass\n\n\nclass U(unittest.TestCase):\n    def test_c(self):\n        pass\n";
  std::string only = only_tests(file, {"t.py::T::test_b"});
  EXPECT_NE(only.find("setUp"), std::string::npos);
  EXPECT_NE(only.find("test_b"), std::string::npos);
  EXPECT_EQ(only.find("test_a"), std::string::npos);
  EXPECT_EQ(only.find("class U"), std::string::npos);
}

}  // namespace
}  // namespace aicoder::agent
