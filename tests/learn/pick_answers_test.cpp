#include "learn/pick_answers.h"

#include <gtest/gtest.h>

namespace aicoder::learning {
namespace {

TextRecord answer(const std::string& question, const std::string& text) {
  return {.text = {}, .messages = {{"system", "s"}, {"user", question}, {"assistant", text}}};
}
std::vector<std::string> texts(const std::vector<TextRecord>& records) {
  std::vector<std::string> out;
  for (const auto& record : records) out.push_back(record.messages.back().content);
  return out;
}

TEST(PickAnswers, KeepsTheShortestOfEachTaskInTheOrderOfTheTasks) {
  const std::vector<TextRecord> all = {answer("b", "longest one"), answer("a", "aaa"), answer("b", "short"), answer("b", "longer"),
                                       answer("a", "a")};
  EXPECT_EQ(texts(pick_answers(all, 2)), (std::vector<std::string>{"short", "longer", "a", "aaa"}));
  EXPECT_EQ(texts(pick_answers(all, 1)), (std::vector<std::string>{"short", "a"}));
}

TEST(PickAnswers, AnswersThatDifferInBlanksAreOne) {
  EXPECT_EQ(texts(pick_answers({answer("a", "x = 1"), answer("a", "x  =  1\n"), answer("a", "x = 22")}, 2)),
            (std::vector<std::string>{"x = 1", "x = 22"}));
}

TEST(PickAnswers, NothingInNothingOut) {
  EXPECT_TRUE(pick_answers({}, 2).empty());
  EXPECT_TRUE(pick_answers({TextRecord{}}, 2).empty());
}

}  // namespace
}  // namespace aicoder::learning
