#include <gtest/gtest.h>

#include <fstream>

#include "agent/fakes.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class Sessions : public testing::Test {
 protected:
  Sessions() : guard_(home_.path()) {}
  static void append(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::app | std::ios::binary) << text;
  }
  test::TempDir home_;
  test::HomeGuard guard_;
};

TEST_F(Sessions, ReopenedSessionHasTheSameMessages) {
  Session session = Session::create("chat", "제목", "/p", "m");
  session.append_message({"user", "안녕\n\"quoted\"\t"});
  session.append_message({"assistant", "hello"});
  AgentResult result;
  result.answer = "x";
  session.append_result(result);
  Session again = Session::open(session.info().id);
  EXPECT_EQ(again.info().title, "제목");
  EXPECT_EQ(again.info().dir, "/p");
  EXPECT_EQ(again.info().turns, 1U);
  ASSERT_EQ(again.messages().size(), 2U);
  EXPECT_EQ(again.messages()[0].content, "안녕\n\"quoted\"\t");
}
TEST_F(Sessions, BytesThatAreNoUtf8AreTheSameNowAndLater) {
  Session session = Session::create("chat", "t", "", "m");
  session.append_message({"user", "a\xff"});
  EXPECT_EQ(session.messages()[0].content, Session::open(session.info().id).messages()[0].content);
}
TEST_F(Sessions, TornLastLineIsDroppedAndWritingGoesOn) {
  Session session = Session::create("chat", "t", "", "m");
  session.append_message({"user", "one"});
  append(session.path(), "{\"type\":\"message\",\"role\":\"assis");
  Session again = Session::open(session.info().id);
  EXPECT_EQ(again.messages().size(), 1U);
  again.append_message({"assistant", "two"});
  EXPECT_EQ(Session::open(session.info().id).messages().size(), 2U);
}
TEST_F(Sessions, LastLineWithoutItsNewlineIsKept) {
  Session session = Session::create("chat", "t", "", "m");
  append(session.path(), R"({"type":"message","role":"user","content":"one"})");
  Session again = Session::open(session.info().id);
  again.append_message({"assistant", "two"});
  EXPECT_EQ(Session::open(session.info().id).messages().size(), 2U);
}
TEST_F(Sessions, BrokenLineInTheMiddleIsNamed) {
  Session session = Session::create("chat", "t", "", "m");
  append(session.path(), "garbage\n");
  session.append_message({"user", "x"});
  EXPECT_ERROR(Session::open(session.info().id), ErrorCode::kDataLoss, "line 2");
}
TEST_F(Sessions, UnknownAndEvilIdsAreNotFound) {
  for (const char* id : {"20260101-000000-0000", "", "../../etc/passwd", "a/b", "A"})
    EXPECT_ERROR(Session::open(id), ErrorCode::kNotFound, "no session");
}
TEST_F(Sessions, ListIsNewestFirstAndLeavesBrokenOnesOut) {
  EXPECT_TRUE(list_sessions().empty());
  Session first = Session::create("run", "first", "", "m"), second = Session::create("chat", "second", "", "m");
  first.append_message({"user", "x"});
  test::write(home_ / "sessions/zz.jsonl", "broken\n");
  test::write(home_ / "sessions/note.txt", "x");
  auto sessions = list_sessions();
  ASSERT_EQ(sessions.size(), 2U);
  EXPECT_GE(sessions[0].id, sessions[1].id);
  size_t turns = 0;
  for (const SessionInfo& info : sessions) turns += info.turns;
  EXPECT_EQ(turns, 1U);
}

}  // namespace
}  // namespace aicoder
