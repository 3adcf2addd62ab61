#include <gtest/gtest.h>

#include "agent/code_blocks.h"
#include "aicoder/agent.h"

namespace aicoder {
namespace {

using agent::extract_files;

TEST(ExtractCode, TakesTheBlockOfTheLanguage) { EXPECT_EQ(extract_code("```bash\nls\n```\ntext\n```python\nx = 1\n```\n"), "x = 1\n"); }
TEST(ExtractCode, ShortNameOfPython) { EXPECT_EQ(extract_code("```py\nx = 1\n```"), "x = 1\n"); }
TEST(ExtractCode, MissingClosingFence) {
  EXPECT_EQ(extract_code("Here:\n```python\ndef f():\n    return 1\n"), "def f():\n    return 1\n");
}
TEST(ExtractCode, TildesAndIndentedFences) {
  EXPECT_EQ(extract_code("~~~python\nx = 1\n~~~"), "x = 1\n");
  EXPECT_EQ(extract_code("1. This:\n   ```python\n   def f():\n       pass\n   ```\n"), "def f():\n    pass\n");
}
TEST(ExtractCode, LongerFenceHoldsShorterOnes) { EXPECT_EQ(extract_code("````python\ns = '''\n```\n'''\n````"), "s = '''\n```\n'''\n"); }
TEST(ExtractCode, CrlfBecomesLf) { EXPECT_EQ(extract_code("```python\r\nx = 1\r\n```\r\n"), "x = 1\n"); }
TEST(ExtractCode, BareCodeWithoutFence) { EXPECT_EQ(extract_code("def f(x):\n    return x + 1"), "def f(x):\n    return x + 1\n"); }
TEST(ExtractCode, ProseIsNoCode) {
  EXPECT_EQ(extract_code("I cannot help with that."), std::nullopt);
  EXPECT_EQ(extract_code(""), std::nullopt);
  EXPECT_EQ(extract_code("Sure! The function adds (two numbers) and so on."), std::nullopt);
  EXPECT_EQ(extract_code("```\n\n```"), std::nullopt);
}
TEST(ExtractCode, InlineCodeIsNoFence) { EXPECT_EQ(extract_code("Use ```x = 1``` here."), std::nullopt); }
TEST(ExtractCode, SecondOpeningFenceEndsTheFirst) { EXPECT_EQ(extract_code("```python\nx = 1\n```python\ny = 2\n```"), "x = 1\n"); }

TEST(ExtractFiles, PathInHeadingFenceOrComment) {
  using Files = std::map<std::string, std::string>;
  EXPECT_EQ(extract_files("### `app/users.py`\n```python\nx = 1\n```", {}), (Files{{"app/users.py", "x = 1\n"}}));
  EXPECT_EQ(extract_files("```python title=users.py\nx = 1\n```", {}), (Files{{"users.py", "x = 1\n"}}));
  EXPECT_EQ(extract_files("```users.py\nx = 1\n```", {}), (Files{{"users.py", "x = 1\n"}}));
  EXPECT_EQ(extract_files("```python\n# users.py\nx = 1\n```", {}), (Files{{"users.py", "# users.py\nx = 1\n"}}));
  EXPECT_EQ(extract_files("**File: users.py**\n\n```python\nx = 1\n```", {}), (Files{{"users.py", "x = 1\n"}}));
}
TEST(ExtractFiles, UnnamedBlockIsTheOneAskedFile) {
  auto files = extract_files("Run it:\n```bash\npython users.py\n```\n```python\nx = 1\ny = 2\n```\nUse:\n```python\nx\n```", {"users.py"});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files["users.py"], "x = 1\ny = 2\n");
}
TEST(ExtractFiles, FolderLeftOutByTheModel) {
  EXPECT_TRUE(extract_files("users.py\n```python\nx = 1\n```", {"app/users.py"}).contains("app/users.py"));
}
TEST(ExtractFiles, UnnamedBlockWithoutAskedFileIsNothing) { EXPECT_TRUE(extract_files("```python\nx = 1\n```", {}).empty()); }
TEST(ExtractFiles, SentenceAboutAFileIsNoName) {
  EXPECT_TRUE(extract_files("users.py needs to be changed so that the following works well:\n```python\nx = 1\n```", {}).empty());
}

struct BadPath : testing::TestWithParam<const char*> {};
TEST_P(BadPath, IsRefused) { EXPECT_EQ(agent::clean_relative_path(GetParam()), ""); }
INSTANTIATE_TEST_SUITE_P(Paths, BadPath,
                         testing::Values("", "/etc/passwd", "../x.py", "a/../../x.py", "a//b.py", ".git/hooks/pre-commit", "a/.ssh/x",
                                         "a\\b.py", "C:x.py", "~/x.py", "a/", "a\nb.py"));
TEST(CleanPath, KeepsGoodOnes) {
  EXPECT_EQ(agent::clean_relative_path("./app/users.py"), "app/users.py");
  EXPECT_EQ(agent::clean_relative_path("한글.py"), "한글.py");
}

TEST(CompleteImports, AddsWhatTheTaskImportsAndTheCodeUses) {
  std::string task = "from typing import List\nimport math\n\ndef f(xs: List[int]):\n    pass\n";
  EXPECT_EQ(agent::complete_imports(task, "def f(xs: List[int]):\n    return xs\n"),
            "from typing import List\n\ndef f(xs: List[int]):\n    return xs\n");
  EXPECT_EQ(agent::complete_imports(task, "from typing import List\ndef f(xs: List[int]): pass\n"),
            "from typing import List\ndef f(xs: List[int]): pass\n");
  EXPECT_EQ(agent::complete_imports("from the list take the import of goods", "the = 1\nlist = 2\n"), "the = 1\nlist = 2\n");
}

}  // namespace
}  // namespace aicoder
