#include "aicoder/sandbox/terminal.h"

#include <gtest/gtest.h>

namespace aicoder {
namespace {

TEST(TerminalSafe, TextStaysAsItIs) {
  EXPECT_EQ(terminal_safe("plain\ttext\n\xED\x95\x9C\xEA\xB8\x80 \xF0\x9F\x98\x80 \xC2\xA0\xC3\xA9\n"),
            "plain\ttext\n\xED\x95\x9C\xEA\xB8\x80 \xF0\x9F\x98\x80 \xC2\xA0\xC3\xA9\n");
  EXPECT_EQ(terminal_safe(""), "");
}

TEST(TerminalSafe, EscapeSequencesBecomeVisible) {
  EXPECT_EQ(terminal_safe("\033]52;c;eA==\a"), "\xE2\x90\x9B]52;c;eA==\xE2\x90\x87");
  EXPECT_EQ(terminal_safe("a\bb\x7F"),
            "a\xE2\x90\x88"
            "b\xE2\x90\xA1");
  EXPECT_EQ(terminal_safe(std::string("a\0b", 3)),
            "a\xE2\x90\x80"
            "b");
}

TEST(TerminalSafe, EightBitControlsAreGone) {
  for (int code = 0x80; code < 0xA0; ++code) {
    const std::string text = std::string("x\xC2") + static_cast<char>(code) + "y";
    EXPECT_EQ(terminal_safe(text), "x\xEF\xBF\xBDy") << code;
  }
}

TEST(TerminalSafe, ACarriageReturnIsOnlyFineBeforeALineFeed) {
  EXPECT_EQ(terminal_safe("a\r\nb\rc"),
            "a\nb\xE2\x90\x8D"
            "c");
  EXPECT_EQ(terminal_safe("a\r"), "a\xE2\x90\x8D");
}

TEST(TerminalSafe, MarksThatTurnTextAroundAreGone) {
  EXPECT_EQ(terminal_safe("a\xE2\x80\xAE"
                          "b\xE2\x81\xA6"
                          "c"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD"
            "c");
  EXPECT_EQ(terminal_safe("\xE2\x80\x93\xE2\x81\xA0"), "\xE2\x80\x93\xE2\x81\xA0") << "a dash and a joiner are text";
}

TEST(TerminalSafe, IllFormedBytesAndCutSequencesAreReplaced) {
  EXPECT_EQ(terminal_safe("a\xFF"), "a\xEF\xBF\xBD");
  EXPECT_EQ(terminal_safe("\xC2"), "\xEF\xBF\xBD");
  EXPECT_EQ(terminal_safe("\xE2\x80").find('\xE2'), std::string::npos);
}

}  // namespace
}  // namespace aicoder
