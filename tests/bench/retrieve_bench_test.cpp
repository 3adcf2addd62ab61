#include "aicoder/bench/retrieve.h"

#include <gtest/gtest.h>

namespace aicoder {
namespace {

TEST(MineDocstrings, CutsTheDocstringOutOfTheFunction) {
  const auto pairs = mine_docstrings(
      "import os\n\n"
      "def add(a,\n        b):\n    \"\"\"Adds two numbers\n    of any kind.\n\n    More.\n    \"\"\"\n    c = a\n    return c + b\n\n"
      "class A:\n    def f(self):\n        \"\"\"Gives what it holds.\"\"\"\n        x = self.x\n        return x\n\n"
      "def short():\n    \"\"\"No.\"\"\"\n    return 1\n\ndef bare(x):\n    return x\n");
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].question, "Adds two numbers of any kind.");
  EXPECT_EQ(pairs[0].code, "def add(a,\n        b):\n    c = a\n    return c + b\n\n");
  EXPECT_EQ(pairs[1].question, "Gives what it holds.");
  EXPECT_EQ(pairs[1].code.find("\"\"\""), std::string::npos);
}

TEST(MineDocstrings, WhatHasNoEndIsLeftOut) {
  EXPECT_TRUE(mine_docstrings("def f():\n    \"\"\"A docstring that never ends\n    x\n").empty());
  EXPECT_TRUE(mine_docstrings("def f(").empty());
  EXPECT_TRUE(mine_docstrings("").empty());
}

}  // namespace
}  // namespace aicoder
