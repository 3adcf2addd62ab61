#include "aicoder/text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace aicoder {
namespace {

std::string last(std::string_view text) {
  const auto number = last_number(text);
  return number ? number->text : "none";
}
std::string marked(std::string_view text) {
  const auto number = marked_number(text);
  return number ? number->text : "none";
}

TEST(LastNumber, IsTheLastOneInTheText) {
  EXPECT_EQ(last("6 * 7 = 42, so 37 remain"), "37");
  EXPECT_EQ(last("The answer is 18."), "18");
  EXPECT_EQ(last("\\boxed{72}"), "72");
  EXPECT_EQ(last("**$1,234.50**"), "1,234.50");
  EXPECT_EQ(last("20%"), "20");
  EXPECT_EQ(last("no digits. at, all"), "none");
  EXPECT_EQ(last(""), "none");
}

TEST(LastNumber, AMinusIsASignOnlyWhereNothingStandsBeforeIt) {
  EXPECT_EQ(last("it is -5 degrees"), "-5");
  EXPECT_EQ(last("-$3"), "-3");
  EXPECT_EQ(last("$-3"), "-3");
  EXPECT_EQ(last("9-4"), "4");
  EXPECT_EQ(last("(9)-4"), "4");
  EXPECT_EQ(last("x-4"), "4");
  EXPECT_EQ(last("--4"), "4");
}

TEST(LastNumber, CommasSeparateThousandsOnly) {
  EXPECT_EQ(last_number("1,150")->value, 1150.0);
  EXPECT_EQ(last_number("1,000,000")->value, 1e6);
  EXPECT_EQ(last("3,4"), "4");
  EXPECT_EQ(last("1,2345"), "2345");
}

TEST(LastNumber, ComparesByValue) {
  EXPECT_EQ(last_number("18.00")->value, 18.0);
  EXPECT_EQ(last_number(".5")->value, 0.5);
  EXPECT_EQ(last_number("007")->value, 7.0);
  EXPECT_TRUE(std::isinf(last_number(std::string(400, '9'))->value));
}

TEST(MarkedNumber, StandsRightAfterTheFirstMark) {
  EXPECT_EQ(marked("so 5\n#### 37\n#### 38"), "37");
  EXPECT_EQ(marked("####37"), "37");
  EXPECT_EQ(marked("#### $1,150"), "1,150");
  EXPECT_EQ(marked("#### -5"), "-5");
  EXPECT_EQ(marked("#### the answer is 5"), "none");
  EXPECT_EQ(marked("### 5"), "none");
  EXPECT_EQ(marked("####"), "none");
}

std::string given(std::string_view text) {
  const auto number = given_number(text);
  return number ? number->text : "none";
}

TEST(GivenNumber, IsTheBoxedOneElseTheMarkedOne) {
  EXPECT_EQ(given("so \\boxed{3} dollars for 2 weeks"), "3");
  EXPECT_EQ(given("\\boxed{1} no, \\boxed{1,250 \\text{ eggs}} of 9"), "1,250");
  EXPECT_EQ(given("$\\boxed{-4}$"), "-4");
  EXPECT_EQ(given("\\boxed{\\frac{1}{2}}"), "2") << "numbers, not fractions: the last one";
  EXPECT_EQ(given("#### 7"), "7");
  EXPECT_EQ(given("\\boxed{none}\n#### 7"), "7");
  EXPECT_EQ(given("\\boxed{"), "none");
  EXPECT_EQ(given("only 5"), "none");
}

TEST(AnswerNumber, FallsBackToTheLast) {
  EXPECT_EQ(answer_number("only 5 of 6")->text, "6");
  EXPECT_EQ(answer_number("\\boxed{5} of 6")->text, "5");
  EXPECT_FALSE(answer_number("none").has_value());
}

TEST(CountNumbers, CountsThoseInDigits) {
  EXPECT_EQ(count_numbers("3 bags of 1,234.50 and 7"), 3u);
  EXPECT_EQ(count_numbers("x2y3"), 2u);
  EXPECT_EQ(count_numbers("two . , -"), 0u);
  EXPECT_EQ(count_numbers(""), 0u);
}

}  // namespace
}  // namespace aicoder
