#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "aicoder/text.h"

namespace aicoder {
namespace {

std::vector<std::string> sample(const std::string& label) {
  std::vector<std::string> texts;
  std::ifstream in(std::string(AICODER_SOURCE_DIR) + "/tests/data/language/v1/sample.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line);
    if (row["label"] == label) texts.push_back(row["text"]);
  }
  return texts;
}

bool has(const TextReport& report, Contamination kind) { return report.contamination[static_cast<size_t>(kind)] > 0; }

TEST(Purity, IsTheShareOfTheTargetsLettersByLineAndInAll) {
  const auto report = inspect_text("한국어\nabcd\n\n123\n한a", {});
  EXPECT_DOUBLE_EQ(report.purity, 4.0 / 9);
  ASSERT_EQ(report.lines.size(), 4u);
  EXPECT_DOUBLE_EQ(report.lines[0].purity, 1);
  EXPECT_DOUBLE_EQ(report.lines[1].purity, 0);
  EXPECT_EQ(report.lines[2].line, 4u);
  EXPECT_DOUBLE_EQ(report.lines[2].purity, 1) << "no letter, no impurity";
  EXPECT_DOUBLE_EQ(report.lines[3].purity, 0.5);
  EXPECT_DOUBLE_EQ(inspect_text("", {}).purity, 1);
  EXPECT_DOUBLE_EQ(inspect_text("all English 한", {.target = Script::kLatin}).purity, 10.0 / 11);
}

TEST(Purity, CodeBlocksQuotesAndAllowedWordsAreLeftOutWhenAsked) {
  const std::string code = "설명\n```python\nimport os\n```\n끝";
  EXPECT_LT(inspect_text(code, {}).purity, 1);
  EXPECT_DOUBLE_EQ(inspect_text(code, {.skip_code_blocks = true}).purity, 1);
  EXPECT_FALSE(has(inspect_text(code, {.skip_code_blocks = true}), Contamination::kCode));
  EXPECT_DOUBLE_EQ(inspect_text("그는 \"hello\" 라고 했다", {.skip_quotes = true}).purity, 1);
  EXPECT_DOUBLE_EQ(inspect_text("TV를 봤다", {.allowed_words = {"tv"}}).purity, 1);
  EXPECT_LT(inspect_text("TVs를 봤다", {.allowed_words = {"tv"}}).purity, 1);
}

TEST(Contamination, EachKindIsFoundWhereItStands) {
  const std::vector<std::pair<std::string, Contamination>> cases = {
      {"<b>굵게</b>", Contamination::kHtml},
      {"값은 &nbsp; 이다", Contamination::kHtml},
      {"<a href=\"x\">링크", Contamination::kHtml},
      {"for i in range(10):", Contamination::kCode},
      {"int x = f(3);", Contamination::kCode},
      {"좋아요 😀", Contamination::kEmoji},
      {"깃발 🇰🇷", Contamination::kEmoji},
      {"글 ▓▓ 글", Contamination::kSpecial},
      {"글 @#$% 글", Contamination::kSpecial},
      {"글\xef\xbf\xbd글", Contamination::kSpecial},
      {"글\x07글", Contamination::kControl},
      {"글\u200b글", Contamination::kControl},
      {"그는 です 라고", Contamination::kForeignScript},
      {"그는 I went to the market 라고", Contamination::kForeignScript},
      {"왜 我不知道你 라고", Contamination::kForeignScript},
      {"그리고 그리고 그리고 그리고 그리고", Contamination::kRepetition},
      {"그는 갔다 그는 갔다 그는 갔다", Contamination::kRepetition},
      {"가\n나는 집에 갔다\n나는 집에 갔다\n나는 집에 갔다", Contamination::kRepetition},
      {"끝<|im_end|>", Contamination::kTemplate},
      {"### Response: 네", Contamination::kTemplate},
  };
  for (const auto& [text, kind] : cases) {
    const auto report = inspect_text(text, {});
    EXPECT_TRUE(has(report, kind)) << text;
    for (const auto& found : report.found) {
      EXPECT_LT(found.begin, found.end) << text;
      EXPECT_LE(found.end, text.size()) << text;
    }
  }
  const std::string text = "가나\n다 <b>라";
  const auto found = inspect_text(text, {}).found;
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(text.substr(found[0].begin, found[0].end - found[0].begin), "<b>");
  EXPECT_EQ(found[0].line, 2u);
}

TEST(Contamination, WhatIsUsualInProseIsNone) {
  for (const char* text : {"\"안녕?\" 그가 말했다……", "***", "- - -", "그는 3 < 5 라고 썼다.", "한자(漢字)를 배웠다",
                           "ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ", "아아아아아!", "TV와 PC를 켰다", "100% 확실하다 (1,234원).",
                           "정말 정말 좋다", "from 서울 import 된 물건", "R&B; 음악", "「책」과 『책』"}) {
    const auto report = inspect_text(text, {});
    EXPECT_TRUE(report.found.empty()) << text << ": " << (report.found.empty() ? "" : to_string(report.found[0].kind));
  }
}

/// Known contamination put into clean lines: found as what it is, and nothing found in the others.
TEST(Contamination, InjectedKindsHavePrecisionAndRecallOf95Percent) {
  const std::vector<std::pair<Contamination, std::vector<std::string>>> kinds = {
      {Contamination::kHtml, {"<div class=\"a\">", "</p>", "<br/>", "&lt;", "<!-- x -->", "<span>", "&#44032;"}},
      {Contamination::kEmoji, {"😂", "👍🏽", "❤️‍🔥", "🎉", "🇺🇸", "🥲"}},
      {Contamination::kSpecial, {"│││", "████", "\xef\xbf\xbd", "#$%^", "{{{", "@@@@", "\ue000"}},
      {Contamination::kControl, {"\x01", "\x1b", "\u200b", "\u202e", "\x7f", "\u2060"}},
      {Contamination::kForeignScript, {"ありがとう", "спасибо", "我們不知道", "the rest of the story is", "สวัสดี", "カタカナ"}},
      {Contamination::kRepetition,
       {"다시 다시 다시 다시 다시 다시", "또 한 번 또 한 번 또 한 번 또 한 번", "아아아아아아아아아아아아아아아아아"}},
      {Contamination::kTemplate, {"<|im_start|>", "<|endoftext|>", "[INST]", "</s>", "<start_of_turn>", "### Instruction:"}},
  };
  auto clean = sample("ko");
  ASSERT_GE(clean.size(), 40u);
  std::mt19937 random(11);
  std::array<size_t, kContaminations> hit{}, missed{}, wrong{};
  for (size_t round = 0; round < 700; ++round) {
    const auto& [kind, pieces] = kinds[round % kinds.size()];
    std::string text = clean[random() % clean.size()];
    size_t at = text.find(' ', random() % text.size());
    if (at == std::string::npos) at = text.size();
    text.insert(at, " " + pieces[random() % pieces.size()] + " ");
    const auto report = inspect_text(text, {});
    ++(has(report, kind) ? hit : missed)[static_cast<size_t>(kind)];
    for (size_t k = 0; k < kContaminations; ++k) {
      if (k != static_cast<size_t>(kind) && report.contamination[k] > 0) ++wrong[k];
    }
  }
  // Code is a line of its own.
  for (const char* line :
       {"def run(self):", "x = [1, 2]", "    return x + 1;", "#include <vector>", "const a = 1;", "}", "foo = bar(1)", "if (x > 0) {"}) {
    ++(has(inspect_text(clean[0] + "\n" + line + "\n" + clean[1], {}), Contamination::kCode)
           ? hit
           : missed)[static_cast<size_t>(Contamination::kCode)];
  }
  for (size_t k = 0; k < kContaminations; ++k) {
    const auto name = to_string(static_cast<Contamination>(k));
    EXPECT_GE(static_cast<double>(hit[k]), 0.95 * static_cast<double>(hit[k] + missed[k])) << "recall of " << name;
    EXPECT_GE(static_cast<double>(hit[k]), 0.95 * static_cast<double>(hit[k] + wrong[k])) << "precision of " << name;
  }
  size_t alarms = 0;
  for (const auto& text : clean) alarms += inspect_text(text, {}).found.empty() ? 0 : 1;
  EXPECT_EQ(alarms, 0u);
}

TEST(Contamination, BytesThatAreNoTextAreNoError) {
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>(i * 131 % 256);
  const auto report = inspect_text(bytes, {});
  EXPECT_TRUE(has(report, Contamination::kControl));
  for (const auto& found : report.found) EXPECT_LE(found.end, bytes.size());
}

}  // namespace
}  // namespace aicoder
