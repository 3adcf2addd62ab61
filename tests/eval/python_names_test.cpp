#include "eval/python_names.h"

#include <gtest/gtest.h>

namespace aicoder::eval {
namespace {

TEST(FirstDefinedCall, SkipsBuiltinsAndModules) {
  EXPECT_EQ(first_defined_call("assert set(f(x)) == 1", "def f(x):\n  return x"), "f");
  EXPECT_EQ(first_defined_call("assert math.isclose(area (2), 3)", "import math\ndef area(x):\n  return x"), "area");
}

TEST(FirstDefinedCall, TakesTheFunctionCalledNotAHelperDefinedFirst) {
  EXPECT_EQ(first_defined_call("assert g(1) == 2", "def f(x):\n  return x\ndef g(x):\n  return f(x)"), "g");
}

TEST(FirstDefinedCall, NestedFunctionsAndMereNamesDoNotCount) {
  EXPECT_EQ(first_defined_call("assert f(1)", "class A:\n  def f(self): pass"), std::nullopt);
  EXPECT_EQ(first_defined_call("assert f == 1", "def f(): pass"), std::nullopt);
  EXPECT_EQ(first_defined_call("", ""), std::nullopt);
}

}  // namespace
}  // namespace aicoder::eval
