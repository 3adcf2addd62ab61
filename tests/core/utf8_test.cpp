#include <gtest/gtest.h>

#include "aicoder/core.h"

namespace aicoder {
namespace {

TEST(Utf8, AcceptsEveryPlane) { EXPECT_TRUE(is_utf8("a é 한국어 \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF")); }

TEST(Utf8, RefusesOverlongSurrogatesStrayAndCutSequences) {
  for (const char* bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE2\x82", "\xFF"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(ToValidUtf8, ReplacesOnlyTheIllFormedBytes) {
  EXPECT_EQ(to_valid_utf8("한\xFFz"), "한\xEF\xBF\xBDz");
  EXPECT_EQ(to_valid_utf8("ok"), "ok");
  EXPECT_TRUE(is_utf8(to_valid_utf8("\xED\xA0\x80\xE2\x82")));
}

}  // namespace
}  // namespace aicoder
