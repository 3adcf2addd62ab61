#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace aicoder::cli {
namespace {

TEST(HumanBytes, UsesDecimalUnits) {
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(98'362'432), "98 MB");
  EXPECT_EQ(human_bytes(1'117'320'736), "1.12 GB");
}

TEST(HumanSeconds, GrowsFromTenthsToHours) {
  EXPECT_EQ(human_seconds(0.04), "0.0 s");
  EXPECT_EQ(human_seconds(59.4), "59 s");
  EXPECT_EQ(human_seconds(200), "3 min 20 s");
  EXPECT_EQ(human_seconds(3900), "1 h 05 min");
}

TEST(Terminal, PaintsOnlyWhenAsked) {
  EXPECT_EQ(Terminal(Terminal::ColourMode::kNever, false).paint(Colour::kRed, "x"), "x");
  EXPECT_EQ(Terminal(Terminal::ColourMode::kAlways, false).paint(Colour::kRed, "x"), "\033[31mx\033[0m");
}

TEST(Terminal, PaintsDiffLinesByKind) {
  const Terminal terminal(Terminal::ColourMode::kAlways, false);
  const auto text = terminal.paint_diff("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same\n");
  EXPECT_NE(text.find("\033[31m-old"), std::string::npos);
  EXPECT_NE(text.find("\033[32m+new"), std::string::npos);
  EXPECT_NE(text.find("\n same\n"), std::string::npos);
}

}  // namespace
}  // namespace aicoder::cli
