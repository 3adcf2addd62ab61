#include "eval/number_answer.h"

#include <gtest/gtest.h>

#include <cmath>

namespace aicoder::eval {
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

}  // namespace
}  // namespace aicoder::eval
