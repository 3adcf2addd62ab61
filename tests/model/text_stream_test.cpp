#include "model/text_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "aicoder/core.h"

namespace aicoder {
namespace {

TEST(IncompleteUtf8Tail, CountsTheBytesOfACutCharacter) {
  const std::string hangul = "한";  // 3 bytes
  EXPECT_EQ(incomplete_utf8_tail("abc"), 0u);
  EXPECT_EQ(incomplete_utf8_tail("a" + hangul), 0u);
  EXPECT_EQ(incomplete_utf8_tail("a" + hangul.substr(0, 1)), 1u);
  EXPECT_EQ(incomplete_utf8_tail("a" + hangul.substr(0, 2)), 2u);
  EXPECT_EQ(incomplete_utf8_tail("\xF0\x9F\x98"), 3u);
  EXPECT_EQ(incomplete_utf8_tail(""), 0u);
  EXPECT_EQ(incomplete_utf8_tail("\x80\x80\x80\x80"), 0u) << "stray continuation bytes begin nothing";
}

TEST(TextStream, ShowsOnlyCompleteCharacters) {
  TextStream stream({});
  const std::string text = "글";
  stream.append(text.substr(0, 2));
  EXPECT_EQ(stream.take(), "");
  stream.append(text.substr(2));
  EXPECT_EQ(stream.take(), "글");
}

TEST(TextStream, HoldsBackWhatMayBecomeAStopString) {
  TextStream stream({"\n\nEND"});
  EXPECT_FALSE(stream.append("one\n"));
  EXPECT_EQ(stream.take(), "one");
  EXPECT_FALSE(stream.append("\nE"));
  EXPECT_EQ(stream.take(), "");
  EXPECT_FALSE(stream.append("ither"));
  EXPECT_EQ(stream.take(), "\n\nEither");
}

TEST(TextStream, StopStringAcrossPiecesEndsTheTextBeforeIt) {
  TextStream stream({"```"});
  EXPECT_FALSE(stream.append("code`"));
  EXPECT_FALSE(stream.append("`"));
  EXPECT_TRUE(stream.append("` and more"));
  EXPECT_EQ(stream.take(), "code");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_TRUE(stream.append("ignored"));
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, EarliestOfSeveralStopStringsWins) {
  TextStream stream({"cd", "abc"});
  EXPECT_TRUE(stream.append("xxabcd"));
  EXPECT_EQ(stream.take(), "xx");
}

TEST(TextStream, EmptyStopStringsStopNothing) {
  TextStream stream({""});
  EXPECT_FALSE(stream.append("abc"));
  EXPECT_EQ(stream.take(), "abc");
}

TEST(TextStream, FinishGivesWhatWasHeldBackAndDropsACutCharacter) {
  TextStream stream({"STOP"});
  stream.append("xST");
  EXPECT_EQ(stream.take(), "x");
  stream.append(std::string("한").substr(0, 1));
  EXPECT_EQ(stream.finish(), "ST");
}

TEST(TextStream, IllFormedBytesBecomeReplacementCharacters) {
  TextStream stream({});
  stream.append(
      "a\xFF"
      "b");
  EXPECT_EQ(stream.take(),
            "a\xEF\xBF\xBD"
            "b");
}

// Whatever the pieces: the parts shown are UTF-8, none can be taken back, and together they are the text up to the stop string.
TEST(TextStream, AnySplitShowsTheSameText) {
  const std::string text = "안녕 \n\nUser: 하세요 😀 User:STOP nothing of this";
  const std::string expected = text.substr(0, text.find("User:STOP"));
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    TextStream stream({"User:STOP", "never"});
    std::string shown;
    bool stopped = false;
    for (size_t at = 0; at < text.size() && !stopped;) {
      const size_t n = 1 + random() % 5;
      stopped = stream.append(std::string_view(text).substr(at, n));
      at += n;
      const std::string part = stream.take();
      EXPECT_TRUE(is_utf8(part));
      shown += part;
      EXPECT_EQ(expected.substr(0, shown.size()), shown);
    }
    EXPECT_TRUE(stopped);
    EXPECT_EQ(shown + stream.finish(), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace aicoder
