#include "agent/python_outline.h"

#include <gtest/gtest.h>

#include "agent/python_expression.h"

namespace aicoder::agent {
namespace {

constexpr const char* kUsers = R"py("""Users.

def not_a_function(): in a docstring
"""
import sqlite3
from app.db import connect as c

LIMIT = 3


@decorated
class UserStore:
    """Keeps users."""

    def __init__(self, path):
        self.path = path

    # adds one
    def add(self, name, hash=(1, 2)):
        """Adds.

        More.
        """
        x = """
def fake():
"""
        return x


def make(a, b=lambda: 1):
    return UserStore(a)


if __name__ == "__main__":
    make(1)
)py";

TEST(PythonOutline, FindsDefinitionsAndNotTheOnesInStrings) {
  EXPECT_EQ(defined_names(kUsers), (std::set<std::string>{"UserStore", "UserStore.__init__", "UserStore.add", "make"}));
}
TEST(PythonOutline, PiecesCoverTheFileAfterTheFirst) {
  auto pieces = outline(kUsers);
  ASSERT_FALSE(pieces.empty());
  std::string rebuilt;
  for (const auto& piece : pieces) rebuilt += std::string(kUsers).substr(piece.begin, piece.end - piece.begin);
  EXPECT_EQ(rebuilt, kUsers);
}
TEST(PythonOutline, ImportedModules) {
  EXPECT_EQ(imported_modules(kUsers), (std::vector<std::string>{"sqlite3", "app.db", "app.db.connect"}));
  EXPECT_EQ(imported_modules("from . import x\nimport a.b as c, d\nfrom ..y import (p, q)\n"),
            (std::vector<std::string>{".", ".x", "a.b", "d", "..y", "..y.p", "..y.q"}));
}
TEST(PythonOutline, SignaturesKeepFirstDocLinesAndDropBodies) {
  std::string text = signatures_only(kUsers);
  EXPECT_NE(text.find("def add(self, name, hash=(1, 2)):\n        \"\"\"Adds.\"\"\"\n        ...\n"), std::string::npos) << text;
  EXPECT_NE(text.find("def make(a, b=lambda: 1):\n    ...\n"), std::string::npos) << text;
  EXPECT_NE(text.find("LIMIT = 3"), std::string::npos);
  EXPECT_EQ(text.find("return"), std::string::npos);
  EXPECT_LT(text.size(), std::string(kUsers).size());
}
TEST(PythonOutline, TextThatIsNoPythonDoesNoHarm) {
  for (std::string text : {"", "\n\n", "def", "class (", "'''", "@", "def f(:\n  \"", "\xff\xfe\x00", "if True:\nelse", "\\\n\\"}) {
    outline(text);
    defined_names(text);
    imported_modules(text);
    signatures_only(text);
    merge_python(text, text);
    merge_python(kUsers, text);
  }
}

TEST(MergePython, ReplacesAFunctionAndKeepsTheRest) {
  std::string merged = merge_python("import os\n\n\ndef a():\n    return 1\n\n\ndef b():\n    return 2\n", "def b():\n    return 3\n");
  EXPECT_EQ(merged, "import os\n\n\ndef a():\n    return 1\n\n\ndef b():\n    return 3\n");
}
TEST(MergePython, PutsNewImportsAfterTheOldOnesAndNewFunctionsLast) {
  std::string merged =
      merge_python("\"\"\"Doc.\"\"\"\nimport os\n\n\ndef a():\n    return 1\n", "import hashlib\n\ndef c():\n    return 4\n");
  EXPECT_EQ(merged, "\"\"\"Doc.\"\"\"\nimport os\nimport hashlib\n\n\ndef a():\n    return 1\n\n\ndef c():\n    return 4\n");
}
TEST(MergePython, ImportsIntoAFileWithOnlyADocstring) {
  std::string merged = merge_python("\"\"\"Doc.\"\"\"\n\n\ndef a():\n    return 1\n", "import os\n\ndef a():\n    return os\n");
  EXPECT_EQ(merged, "\"\"\"Doc.\"\"\"\nimport os\n\n\ndef a():\n    return os\n");
}
TEST(MergePython, ReplacesOneMethodOfAClass) {
  std::string old = "class A:\n    def x(self):\n        return 1\n\n    def y(self):\n        return 2\n";
  EXPECT_EQ(merge_python(old, "class A:\n    def y(self):\n        return 3\n\n    def z(self):\n        return 4\n"),
            "class A:\n    def x(self):\n        return 1\n\n    def y(self):\n        return 3\n\n    def z(self):\n        return 4\n");
}
TEST(MergePython, KeepsMainLast) {
  std::string merged = merge_python("def a():\n    pass\n\n\nif __name__ == \"__main__\":\n    a()\n", "def b():\n    pass\n");
  EXPECT_LT(merged.find("def b"), merged.find("if __name__"));
}
TEST(PartialAnswer, LeftOutNamesAndElisions) {
  EXPECT_TRUE(is_partial_answer("def a(): pass\ndef b(): pass\n", "def b(): pass\n"));
  EXPECT_TRUE(is_partial_answer("def a(): pass\n", "# ... rest of the code ...\ndef a(): pass\n"));
  EXPECT_FALSE(is_partial_answer("def a(): pass\n", "def a(): return 1\ndef b(): pass\n"));
}

TEST(PythonExpression, AcceptsExpressions) {
  for (std::string_view text : {"f(1) == 2", "a.b[1:2, ::3](x, *y, **z)", "[x for x in y if x]", "{k: v for k, v in d.items()}",
                                "lambda x, y=1: x + y", "x if y else z", "not a in b", "a not in b", "(yield_)", "-1 ** ~2", "'a' 'b'",
                                "f(x for x in y)", "(a := 3)", "...", "a is not None # note"}) {
    EXPECT_TRUE(is_expression(text)) << text;
  }
}
TEST(PythonExpression, RefusesProseAndBrokenCode) {
  for (std::string_view text : {"", "that the function", "f(1", "f(1))", "a b", "== 2", "f(1) ==", "x = 1", "for x in y", "f(1). Then",
                                "한글", "a if b", "'open", "[1, 2"}) {
    EXPECT_FALSE(is_expression(text)) << text;
  }
}

}  // namespace
}  // namespace aicoder::agent
