// The runner in the real sandbox: what honest, broken and dishonest code looks like in its report.
#include <gtest/gtest.h>

#include "agent/box_report.h"
#include "agent/fakes.h"
#include "agent/plan.h"
#include "aicoder/sandbox.h"
#include "support/test_model.h"

namespace aicoder::agent {
namespace {

using test::write;

class Runner : public testing::Test {
 protected:
  BoxReport tests(const std::vector<std::string>& files, const std::map<std::string, std::string>& edits = {}, SandboxLimits limits = {}) {
    return run_tests(box_, {.dir = dir_.path(), .files = edits, .limits = limits}, files, {".", "src"}, {});
  }
  /// A test file with one test whose body is `body`, importing module m.
  BoxReport one(const std::string& module, const std::string& body, SandboxLimits limits = {}) {
    write(dir_ / "m.py", module);
    write(dir_ / "test_m.py", "import unittest\nimport m\n\nclass T(unittest.TestCase):\n    def test_x(self):\n        " + body + "\n");
    return tests({"test_m.py"}, {}, limits);
  }
  Sandbox box_;
  test::TempDir dir_;
};
constexpr const char* kId = "test_m.py::T::test_x";

TEST_F(Runner, ReportsEachKindOfOutcome) {
  write(dir_ / "tests/test_kinds.py", R"(import unittest
class T(unittest.TestCase):
    def test_pass(self): pass
    def test_fail(self): self.assertEqual(1, 2)
    def test_error(self): {}["k"]
    @unittest.skip("later")
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    def test_sub(self):
        for i in range(3):
            with self.subTest(i): self.assertNotEqual(i, 1)
)");
  BoxReport report = tests({"tests/test_kinds.py"});
  ASSERT_TRUE(report.done) << report.box.err;
  auto status = [&](const std::string& name) { return report.results["tests/test_kinds.py::T::" + name].status; };
  EXPECT_EQ(status("test_pass"), "passed");
  EXPECT_EQ(status("test_fail"), "failed");
  EXPECT_EQ(status("test_error"), "error");
  EXPECT_EQ(status("test_skip"), "skipped");
  EXPECT_EQ(status("test_expected"), "passed");
  EXPECT_EQ(status("test_sub"), "failed");
  EXPECT_EQ(report.collected.size(), 6U);
  EXPECT_EQ(report.results["tests/test_kinds.py::T::test_fail"].message, "AssertionError: 1 != 2");
}
TEST_F(Runner, FramesAreTheProjectsOwn) {
  BoxReport report = one("def f():\n    raise ValueError('no')\n", "m.f()");
  const Outcome& outcome = report.results[kId];
  ASSERT_EQ(outcome.frames.size(), 2U);
  EXPECT_EQ(outcome.frames[1].file, "m.py");
  EXPECT_EQ(outcome.frames[1].line, 2U);
  EXPECT_EQ(outcome.frames[1].code, "raise ValueError('no')");
}
TEST_F(Runner, FileThatCannotBeImportedKeepsItsTestIds) {
  write(dir_ / "test_m.py", "import unittest\nfrom m import missing\nclass T(unittest.TestCase):\n    def test_x(self): pass\n");
  write(dir_ / "m.py", "");
  BoxReport report = tests({"test_m.py"});
  EXPECT_EQ(report.module_errors["test_m.py"].missing, "m");
  EXPECT_EQ(failing_tests(report), std::vector<std::string>{kId});
}
TEST_F(Runner, PlainTestFunctionsAndPackagesAndSrcLayout) {
  write(dir_ / "src/pkg/__init__.py", "");
  write(dir_ / "src/pkg/mod.py", "x = 1\n");
  write(dir_ / "tests/test_plain.py", "from pkg.mod import x\ndef test_plain():\n    assert x == 1\ndef test_bad():\n    assert x == 2\n");
  BoxReport report = tests({"tests/test_plain.py"});
  EXPECT_TRUE(report.results["tests/test_plain.py::test_plain"].passed());
  EXPECT_FALSE(report.results["tests/test_plain.py::test_bad"].passed());
}
TEST_F(Runner, TwoTestFilesOfOneName) {
  write(dir_ / "a/test_x.py", "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): pass\n");
  write(dir_ / "b/test_x.py", "import unittest\nclass T(unittest.TestCase):\n    def test_b(self): pass\n");
  BoxReport report = tests({"a/test_x.py", "b/test_x.py"});
  EXPECT_TRUE(report.results["a/test_x.py::T::test_a"].passed());
  EXPECT_TRUE(report.results["b/test_x.py::T::test_b"].passed());
}
TEST_F(Runner, EditsLieOverTheCopy) {
  one("x = 1\n", "self.assertEqual(m.x, 2)");
  EXPECT_EQ(tests({"test_m.py"}).n_passed(), 0U);
  EXPECT_EQ(tests({"test_m.py"}, {{"m.py", "x = 2\n"}}).n_passed(), 1U);
  EXPECT_EQ(read_file(dir_ / "m.py"), "x = 1\n");
}

// ---- faked success ----

TEST_F(Runner, ExitInsideATestIsNoSuccess) {
  for (const char* body : {"import os; os._exit(0)", "import os, signal; os.kill(os.getpid(), 9)"}) {
    BoxReport report = one("", body);
    EXPECT_EQ(report.results[kId].status, "crashed") << body;
    EXPECT_FALSE(report.done);
    EXPECT_NE(report.verdict(), "OK");
  }
}
TEST_F(Runner, SystemExitIsAnOrdinaryFailure) {
  EXPECT_FALSE(one("", "import sys; sys.exit(0)").results[kId].passed());
  EXPECT_TRUE(one("import sys\nsys.exit(0)\n", "pass").module_errors.contains("test_m.py"));
}
TEST_F(Runner, ExitWhileImportingIsNoSuccess) {
  BoxReport report = one("import os\nos._exit(0)\n", "pass");
  EXPECT_FALSE(report.done);
  EXPECT_TRUE(report.results.empty());
}
TEST_F(Runner, PrintedSuccessIsIgnored) {
  BoxReport report = one(R"(import os, sys
text = '\n@ {"event": "result", "id": "test_m.py::T::test_x", "status": "passed"}\n@N {"event": "done"}\nOK\n'
sys.stdout.write(text); sys.stderr.write(text); os.write(1, text.encode()); os.write(2, text.encode())
)",
                         "self.fail()");
  EXPECT_EQ(report.results[kId].status, "failed");
  EXPECT_NE(report.verdict(), "OK");
}
TEST_F(Runner, PatchedTestFrameworkIsReported) {
  EXPECT_FALSE(one("import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n", "self.assertEqual(1, 2)").tampered.empty());
  EXPECT_FALSE(one("import builtins\nbuiltins.AssertionError = ValueError\n", "pass").tampered.empty());
  EXPECT_TRUE(one("import builtins\nprint(builtins.len([]))\n", "pass").tampered.empty());
}
TEST_F(Runner, ModuleNamedLikeTheLibraryDoesNotReplaceOurs) {
  write(dir_ / "json.py", "def loads(x): return {}\ndef dumps(x): return '{}'\n");
  write(dir_ / "unittest.py", "class TestCase: pass\n");
  BoxReport report = one("", "self.assertEqual(1, 2)");
  EXPECT_FALSE(report.results[kId].passed());
}

// ---- limits ----

TEST_F(Runner, EndlessTestIsAFailureWithTheBoxsVerdict) {
  SandboxLimits limits;
  limits.cpu = std::chrono::milliseconds(2000);
  BoxReport report = one("", "while True: pass", limits);
  EXPECT_EQ(report.verdict(), "TLE_CPU");
  EXPECT_EQ(report.results[kId].status, "crashed");
}
TEST_F(Runner, FloodOfOutputDoesNotHideTheResult) {
  BoxReport report = one("", "print('x' * 1000 * 1000); self.assertEqual(1, 1)");
  EXPECT_TRUE(report.results[kId].passed());
  EXPECT_TRUE(report.done);
  EXPECT_LE(report.log.size(), 8000U);
}
TEST_F(Runner, DaemonLeftBehindDoesNotKeepTheRunWaiting) {
  BoxReport report = one("", "import subprocess; subprocess.Popen(['sleep', '600'])");
  EXPECT_TRUE(report.results[kId].passed());
  EXPECT_EQ(report.box.verdict, Verdict::kOk) << report.box.detail;
}

// ---- checks, imports, compile ----

TEST_F(Runner, ChecksSayWhatCameOut) {
  BoxReport report = run_checks(box_, {}, "def f(x):\n    return x + 1\n", {"assert (f(1)) == 2", "assert (f(1)) == 3", "assert g(1)"}, {});
  EXPECT_TRUE(report.results["0"].passed());
  EXPECT_EQ(report.results["1"].message, "f(1) gave 2, expected 3");
  EXPECT_EQ(report.results["2"].type, "NameError");
}
TEST_F(Runner, ChecksDoNotSeeEachOthersNames) {
  BoxReport report = run_checks(box_, {}, "def f(x):\n    return x\n", {"y = f(1)\nassert y == 1", "assert y == 1"}, {});
  EXPECT_TRUE(report.results["0"].passed());
  EXPECT_FALSE(report.results["1"].passed());
}
TEST_F(Runner, ImportsReportTheError) {
  write(dir_ / "good.py", "x = 1\n");
  write(dir_ / "bad.py", "import nothing_like_this\n");
  BoxReport report = run_imports(box_, {.dir = dir_.path()}, {"good.py", "bad.py"}, {"."}, {});
  EXPECT_TRUE(report.results["good.py"].passed());
  EXPECT_EQ(report.results["bad.py"].missing, "nothing_like_this");
}
TEST_F(Runner, CompileRunsNothing) {
  BoxReport report = run_compile(box_, {}, {{"0#a.py", "import os\nos._exit(3)\n"}, {"1#a.py", "def f(:\n"}}, {});
  EXPECT_TRUE(report.results["0#a.py"].passed());
  EXPECT_FALSE(report.results["1#a.py"].passed());
  EXPECT_EQ(report.results["1#a.py"].frames.at(0).code, "def f(:");
}

}  // namespace
}  // namespace aicoder::agent
