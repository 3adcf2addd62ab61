// The real programs in the real sandbox.
#include "eval/grader.h"

#include <gmock/gmock.h>
#include <fstream>
#include <nlohmann/json.hpp>

#include "aicoder/sandbox.h"
#include "support/error_matcher.h"

namespace aicoder::eval {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kData = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data";

std::map<std::string, nlohmann::json> rows_by_id(const std::filesystem::path& path) {
  std::map<std::string, nlohmann::json> rows;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    auto row = nlohmann::json::parse(line);
    const std::string id = row["task_id"].is_string() ? row["task_id"].get<std::string>() : "Mbpp/" + row["task_id"].dump();
    rows[id] = std::move(row);
  }
  return rows;
}

class GraderTest : public testing::Test {
 protected:
  Grade grade(const EvalTask& task, const std::string& answer) { return Grader(box_, limits_).grade(task, answer, {}); }
  static EvalTask add_task() {
    EvalTask task;
    task.id = "test/0";
    task.entry_point = "add";
    task.setup = {"def add(x, y):\n    \"\"\"Adds.\"\"\"\n"};
    task.tests = {"def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(0, 0) == 0\n"};
    task.calls_check = true;
    return task;
  }
  Sandbox box_;
  SandboxLimits limits_;
};

TEST_F(GraderTest, CanonicalSolutionsPassAndMutatedOnesFailOnHumanEval) {
  const auto path = kData / "humaneval/v1/sample.jsonl";
  const auto rows = rows_by_id(path);
  for (const auto& task : load_humaneval(path)) {
    const auto& row = rows.at(task.id);
    const std::string program = row["prompt"].get<std::string>() + row["canonical_solution"].get<std::string>();
    const Grade good = grade(task, program);
    EXPECT_TRUE(good.passed) << task.id << " " << good.verdict << " " << good.detail;
    // The mutation: the same function, but it answers nothing.
    const Grade mutated = grade(task, "def " + task.entry_point + "(*args):\n    return None\n");
    EXPECT_FALSE(mutated.passed) << task.id;
    EXPECT_EQ(mutated.verdict, "RE");
  }
}

TEST_F(GraderTest, CanonicalSolutionsPassAndMutatedOnesFailOnMbpp) {
  const auto path = kData / "mbpp/v1/sample.jsonl";
  const auto rows = rows_by_id(path);
  for (const auto& task : load_mbpp(path)) {
    const Grade good = grade(task, rows.at(task.id)["code"].get<std::string>());
    EXPECT_TRUE(good.passed) << task.id << " " << good.verdict << " " << good.detail;
    const Grade mutated = grade(task, "def " + task.entry_point + "(*args):\n    return 'no'\n");
    EXPECT_FALSE(mutated.passed) << task.id;
  }
}

TEST_F(GraderTest, OneFailingAssertFails) {
  const Grade result = grade(add_task(), "def add(x, y):\n    return 3\n");
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.verdict, "RE");
  EXPECT_EQ(result.detail, "AssertionError");
}

TEST_F(GraderTest, LeavingEarlyIsNoProof) {
  for (const char* way : {"os._exit(0)", "sys.exit(0)", "raise SystemExit(0)", "quit()"}) {
    const Grade in_body = grade(add_task(), std::string("import os, sys\ndef add(x, y):\n    ") + way + "\n    return 3\n");
    EXPECT_FALSE(in_body.passed) << way;
    EXPECT_NE(in_body.verdict, "OK") << way;
  }
  // At import time: an assignment is what the cleaning keeps of top-level code.
  const Grade at_import = grade(add_task(), "import os\nx = os._exit(0)\ndef add(a, b):\n    return x\n");
  EXPECT_FALSE(at_import.passed);
  EXPECT_EQ(at_import.verdict, "NO_PROOF");
}

TEST_F(GraderTest, WhatTheAnswerPrintsIsNoProof) {
  const Grade result =
      grade(add_task(), "import os\ndef add(x, y):\n    os.write(1, b'0' * 32)\n    print('all passed')\n    os._exit(0)\n    return 3\n");
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.verdict, "NO_PROOF");
}

TEST_F(GraderTest, PrintingDoesNotDisturbARightAnswer) {
  EXPECT_TRUE(
      grade(add_task(), "import sys\ndef add(x, y):\n    print('debug', x, file=sys.stderr)\n    print(y)\n    return x + y\n").passed);
}

TEST_F(GraderTest, HiddenTestsLieInNoFileTheAnswerCanRead) {
  const Grade result = grade(add_task(),
                             "import os\ndef add(x, y):\n    seen = ''.join(open(f).read() for f in os.listdir('.') if os.path.isfile(f))\n"
                             "    seen += os.read(0, 10000).decode()\n    assert 'candidate(1, 2)' not in seen\n    return x + y\n");
  EXPECT_TRUE(result.passed) << result.verdict << " " << result.detail;
}

TEST_F(GraderTest, AnEndlessLoopIsStoppedByItsCpuTime) {
  limits_.cpu = std::chrono::seconds(1);
  const Grade result = grade(add_task(), "def add(x, y):\n    while True:\n        pass\n    return x + y\n");
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.verdict, "TLE_CPU");
}

TEST_F(GraderTest, AnAnswerMustBeSelfContained) {
  // The prompt imports List; the answer gets nothing of it, as in the reference.
  EvalTask task = add_task();
  task.setup = {"from typing import List\n" + task.setup[0]};
  const Grade result = grade(task, "def add(x: List[int], y) -> int:\n    return x + y\n");
  EXPECT_FALSE(result.passed);
  EXPECT_THAT(result.detail, HasSubstr("NameError"));
}

TEST_F(GraderTest, NoCodeAtAllFails) {
  for (const char* answer : {"", "I cannot do that.", "def add(x, y)\n  return", "\xff\xfe"}) {
    const Grade result = grade(add_task(), answer);
    EXPECT_FALSE(result.passed) << answer;
    EXPECT_EQ(result.verdict, "RE") << answer;
  }
}

// ---- cleaning ------------------------------------------------------------------------------------------------------------

TEST_F(GraderTest, CleaningAgreesWithTheReferenceSanitizer) {
  EvalTask task;
  task.entry_point = "f";
  std::ifstream in(kData / "evalplus/v1/sanitize.jsonl");  // made by make_sanitize.py beside it
  size_t n = 0;
  for (std::string line; std::getline(in, line); ++n) {
    const auto row = nlohmann::json::parse(line);
    EXPECT_EQ(grade(task, row["text"].get<std::string>()).solution, row["solution"].get<std::string>()) << row["name"];
  }
  EXPECT_EQ(n, 35u);
}

TEST_F(GraderTest, CleaningTakesTheLongestRunOfLinesThatParses) {
  const Grade result = grade(add_task(), "Here is the code:\n```python\ndef add(x, y):\n    return x + y\n```\nIt adds two numbers.");
  EXPECT_TRUE(result.passed);
  EXPECT_EQ(result.solution, "def add(x, y):\n    return x + y");
}

TEST_F(GraderTest, CleaningKeepsImportsAndWhatTheEntryPointReaches) {
  const Grade result = grade(add_task(),
                             "import math\nfrom os import path\nLIMIT = 3\nUNUSED = 4\nclass Box:\n    size = LIMIT\n"
                             "def helper(x):\n    return Box().size - 3 + x\ndef unused():\n    return 1\n"
                             "def add(x, y):\n    return helper(x) + y\nprint(add(1, 2))\nassert add(1, 2) == 4\n");
  EXPECT_TRUE(result.passed) << result.detail;
  EXPECT_EQ(result.solution,
            "import math\nfrom os import path\nLIMIT = 3\nclass Box:\n    size = LIMIT\ndef helper(x):\n    return Box().size - 3 + x\n"
            "def add(x, y):\n    return helper(x) + y");
}

TEST_F(GraderTest, CleaningCutsATruncatedTail) {
  const Grade result = grade(add_task(), "def add(x, y):\n    return x + y\n\ndef more(x):\n    if x ==");
  EXPECT_TRUE(result.passed) << result.detail;
}

TEST_F(GraderTest, CleaningKeepsDecoratedFunctionsAndGenerators) {
  const Grade result = grade(add_task(),
                             "import functools\ndef parts(x, y):\n    yield x\n    yield y\n@functools.lru_cache(\n    None)\n"
                             "def add(x, y):\n    return sum(parts(x, y))\n");
  EXPECT_TRUE(result.passed) << result.detail;
  EXPECT_THAT(result.solution, HasSubstr("@functools.lru_cache(\n    None)\ndef add"));
}

TEST_F(GraderTest, CleaningDropsAFunctionThatReturnsNothing) {
  const Grade result = grade(add_task(), "def show(x):\n    print(x)\ndef add(x, y):\n    return x + y\n");
  EXPECT_TRUE(result.passed);
  EXPECT_THAT(result.solution, Not(HasSubstr("show")));
}

}  // namespace
}  // namespace aicoder::eval
