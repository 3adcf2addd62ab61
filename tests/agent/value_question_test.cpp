#include "agent/value_question.h"

#include <gtest/gtest.h>

namespace aicoder::agent {
namespace {

TEST(ValueQuestion, WordProblemsAskForAValue) {
  EXPECT_TRUE(asks_for_value("Janet has 16 eggs and eats three. How many are left?"));
  EXPECT_TRUE(asks_for_value("A class of 30 students buys 2 books each. How much do they pay at $4 a book?"));
  EXPECT_TRUE(asks_for_value("What is 17 * 23?"));
  EXPECT_TRUE(asks_for_value("사과 12개를 3명이 똑같이 나누면 한 명이 몇 개를 가지는가?"));
}

TEST(ValueQuestion, OtherQuestionsDoNot) {
  EXPECT_FALSE(asks_for_value("What is a list?"));
  EXPECT_FALSE(asks_for_value("How many planets are there?")) << "nothing is given to compute it from";
  EXPECT_FALSE(asks_for_value("Python 2 and 3 differ."));
  EXPECT_FALSE(asks_for_value("someone phoned 12 showhow many?")) << "words stand alone";
  EXPECT_FALSE(asks_for_value(""));
}

TEST(ValueQuestion, CodeIsAskedForByVerbAndThing) {
  EXPECT_TRUE(asks_for_code("Write a function that adds 2 numbers"));
  EXPECT_TRUE(asks_for_code("두 수를 더하는 함수를 작성해 줘"));
  EXPECT_FALSE(asks_for_code("A class of 30 students writes 2 letters each. How many letters?"));
}

}  // namespace
}  // namespace aicoder::agent
