#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "aicoder/rag.h"

namespace aicoder {
namespace {

std::string rebuilt(const std::vector<Chunk>& chunks) {
  std::string all;
  for (const Chunk& chunk : chunks) all += chunk.text;
  return all;
}

constexpr char kPython[] =
    "import os\n"
    "\n"
    "# Adds.\n"
    "@cached\n"
    "def add(a, b):\n"
    "    return a + b\n"
    "\n"
    "class Account:\n"
    "    def deposit(self, n):\n"
    "        self.n += n\n"
    "\n"
    "    def withdraw(self, n):\n"
    "        self.n -= n\n"
    "\n"
    "LIMIT = 3\n";

TEST(ChunkText, PythonDefinitionsAreChunksOfTheirOwn) {
  const auto chunks = chunk_text("bank.py", kPython);
  ASSERT_EQ(chunks.size(), 4U);
  EXPECT_EQ(chunks[0].text, "import os\n\n");
  EXPECT_EQ(chunks[1].name, "add");
  EXPECT_EQ(chunks[1].line, 3U) << "its comment and decorator belong to it";
  EXPECT_EQ(chunks[2].name, "Account");
  EXPECT_EQ(chunks[3].text, "LIMIT = 3\n");
  EXPECT_EQ(chunks[3].name, "");
}

TEST(ChunkText, ALargeClassIsDividedAtItsMethods) {
  const auto chunks = chunk_text("bank.py", kPython, 80);
  std::vector<std::string> names;
  for (const Chunk& chunk : chunks) names.push_back(chunk.name);
  EXPECT_EQ(names, (std::vector<std::string>{"", "add", "Account", "Account > deposit", "Account > withdraw", ""}));
  EXPECT_EQ(rebuilt(chunks), kPython);
}

TEST(ChunkText, BlocksOfBracesAreChunksOfTheirOwn) {
  const std::string code =
      "#include <x>\n\n// says } hello\nint main() {\n  if (true) { puts(\"}\"); }\n}\n\nstruct A {\n  int b;\n};\nint last;\n";
  const auto chunks = chunk_text("a.cpp", code);
  ASSERT_EQ(chunks.size(), 4U);
  EXPECT_EQ(chunks[1].name, "int main()");
  EXPECT_EQ(chunks[2].name, "struct A");
  EXPECT_EQ(rebuilt(chunks), code);
}

TEST(ChunkText, ProseStandsUnderItsHeadings) {
  const std::string text = "# Install\n\nOne.\n\n## Linux\n\nTwo.\n\n```\n# not a heading\n```\n\n# Use\n\nThree.\n";
  const auto chunks = chunk_text("README.md", text);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks[1].name, "Install > Linux");
  EXPECT_EQ(chunks[2].name, "Use");
  EXPECT_EQ(rebuilt(chunks), text);
}

TEST(ChunkText, NothingGivesNothingAndOneLongLineStaysWhole) {
  EXPECT_TRUE(chunk_text("a.txt", "").empty());
  EXPECT_EQ(chunk_text("a.txt", std::string(5000, 'x')).size(), 1U);
}

TEST(ChunkText, TheChunksOfAnyTextAreTheText) {
  std::mt19937 random(7);
  const std::vector<std::string> lines = {
      "def f(a):\n", "    x = 1\n", "class C:\n", "    def g(self):\n", "        pass\n", "\n",  "{\n", "}\n", "# Head\n", "\"\"\"\n",
      "@d\n",        "/* \n",       "*/\n",       "text without end",   "\t\n",           ")\n", "\r\n"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t n = random() % 40; n > 0; --n) text += lines[random() % lines.size()];
    for (const char* name : {"a.py", "a.cpp", "a.md"}) {
      const auto chunks = chunk_text(name, text, 40);
      ASSERT_EQ(rebuilt(chunks), text) << name;
      size_t line = 1;
      for (const Chunk& chunk : chunks) {
        EXPECT_EQ(chunk.line, line);
        EXPECT_FALSE(chunk.text.empty());
        line += static_cast<size_t>(std::count(chunk.text.begin(), chunk.text.end(), '\n'));
      }
    }
  }
}

}  // namespace
}  // namespace aicoder
