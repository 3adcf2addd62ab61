#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "aicoder/text.h"
#include "text/utf8.h"

namespace aicoder {
namespace {

TEST(Letters, AreCountedByScript) {
  const auto counts = count_letters("한글 ㄱㅏ Latin é 漢字 カタカナ ひら 한a1!? ไทย");
  EXPECT_EQ(counts.of[static_cast<size_t>(Script::kHangul)], 5u);
  EXPECT_EQ(counts.of[static_cast<size_t>(Script::kLatin)], 7u);
  EXPECT_EQ(counts.of[static_cast<size_t>(Script::kHan)], 2u);
  EXPECT_EQ(counts.of[static_cast<size_t>(Script::kKana)], 6u);
  EXPECT_EQ(counts.of[static_cast<size_t>(Script::kOther)], 3u);
  EXPECT_EQ(count_letters("1 + 2 = 3 😀 \xff").all(), 0u);
  EXPECT_DOUBLE_EQ(count_letters("").share(Script::kHangul), 0);
}

TEST(Letters, DecomposedHangulIsHangul) {
  EXPECT_EQ(count_letters("\u1112\u1161\u11AB").of[static_cast<size_t>(Script::kHangul)], 3u);
  EXPECT_EQ(count_letters("ＡＢ").of[static_cast<size_t>(Script::kLatin)], 2u) << "full width";
}

TEST(Utf8, WhatIsNoUtf8IsTheReplacementCharacterByteByByte) {
  EXPECT_EQ(text::to_code_points("a\xc0\xaf"), std::u32string({U'a', 0xFFFD, 0xFFFD})) << "overlong";
  EXPECT_EQ(text::to_code_points("\xed\xa0\x80").size(), 3u) << "a surrogate";
  EXPECT_EQ(text::to_code_points("\xf4\x90\x80\x80").size(), 4u) << "beyond Unicode";
  EXPECT_EQ(text::to_code_points("\xe2\x82"), std::u32string(2, 0xFFFD)) << "cut off";
  EXPECT_EQ(text::to_code_points("€𝄞"), U"€𝄞");
  std::string back;
  for (const char32_t c : std::u32string(U"a¢€𝄞")) text::append_code_point(back, c);
  EXPECT_EQ(back, "a¢€𝄞");
}

TEST(Language, LabelsOfTheSampleAreTold) {
  std::ifstream in(std::string(AICODER_SOURCE_DIR) + "/tests/data/language/v1/sample.jsonl");
  size_t n = 0, right = 0;
  std::string missed;
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line);
    const bool ok = row["label"] == to_string(label_language(row["text"].get<std::string>()));
    ++n;
    right += ok ? 1 : 0;
    if (!ok) missed += row["id"].get<std::string>() + " ";
  }
  ASSERT_GE(n, 120u);
  EXPECT_GE(right * 100, n * 98) << missed;
}

TEST(Language, EdgesOfTheLabels) {
  EXPECT_EQ(label_language("Bonjour, je suis ravi de vous voir dans cette ville."), LanguageLabel::kOtherLanguage);
  EXPECT_EQ(label_language("The café is near the station."), LanguageLabel::kEn);
  EXPECT_EQ(label_language("Это русский текст."), LanguageLabel::kOtherLanguage);
  EXPECT_EQ(label_language("これは日本語です"), LanguageLabel::kOtherLanguage);
  EXPECT_EQ(label_language("안녕하세요"), LanguageLabel::kKo);
  EXPECT_EQ(label_language("1234 !!"), LanguageLabel::kOtherLanguage) << "no letter, no language";
}

}  // namespace
}  // namespace aicoder
