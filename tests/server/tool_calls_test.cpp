#include "server/tool_calls.h"

#include <gtest/gtest.h>

#include <random>

namespace aicoder::server {
namespace {

struct All {
  std::string text;
  std::vector<ToolCall> calls;
};
All read_in_pieces(const std::string& answer, const std::vector<size_t>& cuts) {
  ToolCallReader reader({"f", "g"}, "call_");
  All all;
  const auto take = [&all](ToolCallReader::Out out) {
    all.text += out.text;
    all.calls.insert(all.calls.end(), out.calls.begin(), out.calls.end());
  };
  size_t at = 0;
  for (const size_t cut : cuts) {
    take(reader.add(answer.substr(at, cut - at)));
    at = cut;
  }
  take(reader.add(answer.substr(at)));
  take(reader.finish());
  return all;
}

TEST(ToolCallReader, TheSameHoweverTheAnswerIsCut) {
  const std::string answer =
      "a < b <tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"</tool\"}}\n</tool_call>\n<tool_call>{\"name\": \"g\", \"arguments\": "
      "\"{}\"}</tool_call>";
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<size_t> cuts;
    for (size_t at = random() % 9; at < answer.size(); at += 1 + random() % 9) cuts.push_back(at);
    const auto all = read_in_pieces(answer, cuts);
    ASSERT_EQ(all.calls.size(), 2);
    EXPECT_EQ(all.calls[0].name, "f");
    EXPECT_EQ(all.calls[0].arguments, R"({"x":"</tool"})");
    EXPECT_EQ(all.calls[0].id, "call_0");
    EXPECT_EQ(all.calls[1].arguments, "{}");
    EXPECT_EQ(all.text, "a < b ");
  }
}

TEST(ToolCallReader, NothingTheModelWroteIsLost) {
  for (const std::string answer :
       {"no call", "<tool_call>no json</tool_call> after", "<tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>",
        "ends with <tool_c", "<tool_call>{\"name\": \"f\", \"argum"}) {
    const auto all = read_in_pieces(answer, {3, 6});
    EXPECT_TRUE(all.calls.empty()) << answer;
    EXPECT_EQ(all.text, answer);
  }
}

TEST(ToolCallReader, TheEndStandsForTheClosingMark) {
  const auto all = read_in_pieces("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n", {});
  ASSERT_EQ(all.calls.size(), 1);
  EXPECT_EQ(all.text, "");
}

}  // namespace
}  // namespace aicoder::server
