#include <gtest/gtest.h>

#include "agent/fakes.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

Mode mode_of(std::string_view task, const std::filesystem::path& dir = {}) { return route(task, dir, Mode::kAuto).mode; }

TEST(Router, ModeNamesRoundTrip) {
  for (Mode mode : {Mode::kAuto, Mode::kDirect, Mode::kAgent}) EXPECT_EQ(parse_mode(to_string(mode)), mode);
  EXPECT_ERROR(parse_mode("fast"), ErrorCode::kInvalidArgument, "'fast'");
}
TEST(Router, AskedModeWins) {
  EXPECT_EQ(route("what is a list?", {}, Mode::kAgent).mode, Mode::kAgent);
  EXPECT_EQ(route("assert f(1) == 2", {}, Mode::kDirect).mode, Mode::kDirect);
}
TEST(Router, QuestionsGoDirect) {
  for (std::string_view task : {"What is a Python decorator?", "explain list comprehensions", "파이썬 데코레이터가 뭐야?"})
    EXPECT_EQ(mode_of(task), Mode::kDirect) << task;
}
TEST(Router, ExamplesAndTracebacksGoToTheAgent) {
  EXPECT_EQ(mode_of("Write add. add(1, 2) == 3"), Mode::kAgent);
  EXPECT_EQ(mode_of("Why?\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 1"), Mode::kAgent);
}
TEST(Router, OneFunctionWithNothingToRunGoesDirect) { EXPECT_EQ(mode_of("Write a function that reverses a string."), Mode::kDirect); }
TEST(Router, ChangeInAProjectGoesToTheAgentAndAQuestionAboutItDoesNot) {
  test::TempDir dir;
  test::write(dir / "app.py", "x = 1\n");
  EXPECT_EQ(mode_of("add a login feature", dir.path()), Mode::kAgent);
  EXPECT_EQ(mode_of("로그인 기능을 추가해줘", dir.path()), Mode::kAgent);
  EXPECT_EQ(mode_of("What does app.py do?", dir.path()), Mode::kDirect);
  EXPECT_EQ(mode_of("이 프로젝트를 설명해줘", dir.path()), Mode::kDirect);
}
TEST(Router, AlwaysSaysWhy) {
  for (std::string_view task : {"", "x", "add(1) == 2", "write a function", "what?"}) {
    RouteDecision decision = route(task, {}, Mode::kAuto);
    ASSERT_FALSE(decision.reasons.empty()) << task;
    EXPECT_NE(decision.mode, Mode::kAuto);
  }
}

}  // namespace
}  // namespace aicoder
