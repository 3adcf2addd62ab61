#include "agent/plan.h"

#include <gtest/gtest.h>

namespace aicoder::agent {
namespace {

std::map<std::string, SnapshotFile> project(std::initializer_list<std::pair<std::string, std::string>> files) {
  std::map<std::string, SnapshotFile> out;
  for (const auto& [path, text] : files) out[path] = {true, text, text.size()};
  return out;
}
Outcome failure(std::string type, std::string message, std::vector<Frame> frames = {}, std::string missing = {}) {
  return {"error", type + ": " + message, type, missing, std::move(frames)};
}
std::vector<std::string> paths(const Plan& plan) {
  std::vector<std::string> out;
  for (const PlanStep& step : plan.steps) out.push_back(step.path);
  return out;
}
using Paths = std::vector<std::string>;

TEST(ProjectFacts, ReadsLanguagesTestsAndImports) {
  auto files = project({{"app.py", "from users import add\n"},
                        {"users.py", "def add(): pass\n"},
                        {"tests/test_users.py", "from users import add\n"},
                        {"web.js", "x\n"}});
  ProjectFacts facts = read_facts(files);
  EXPECT_EQ(facts.test_files, Paths{"tests/test_users.py"});
  EXPECT_EQ(facts.files["app.py"].imported_files, std::set<std::string>{"users.py"});
  EXPECT_EQ(facts.files["tests/test_users.py"].imported_files, std::set<std::string>{"users.py"});
  EXPECT_EQ(facts.lines_by_language["python"], 3U);
}
TEST(ProjectFacts, ResolvesPackagesAndRelativeImports) {
  auto files =
      project({{"src/app/__init__.py", ""}, {"src/app/db.py", ""}, {"src/app/users.py", "from .db import x\nfrom app import db\n"}});
  ProjectFacts facts = read_facts(files);
  EXPECT_EQ(facts.roots, (Paths{".", "src"}));
  EXPECT_TRUE(facts.files["src/app/users.py"].imported_files.contains("src/app/db.py"));
  EXPECT_EQ(facts.file_of_module("app.db", "x.py"), "src/app/db.py");
  EXPECT_EQ(facts.file_of_module("json", "x.py"), std::nullopt);
}
TEST(ProjectFacts, TestsTheirDataAndConfigurationAreProtected) {
  for (const char* path : {"tests/data/x.json", "test_a.py", "pkg/a_test.py", "conftest.py", "pytest.ini", "pyproject.toml", "setup.cfg",
                           "x.pth", "tests/__init__.py"}) {
    EXPECT_TRUE(is_protected_path(path)) << path;
  }
  for (const char* path : {"app.py", "contest.py", "testing/x.py", "latest/x.py", "attests.py"})
    EXPECT_FALSE(is_protected_path(path)) << path;
}

TEST(Plan, FollowsTheDeepestFrameOfTheProject) {
  auto files =
      project({{"app.py", "import users\n"}, {"users.py", "def add(): raise NotImplementedError\n"}, {"test_app.py", "import app\n"}});
  BoxReport report;
  report.results["test_app.py::T::test_a"] =
      failure("NotImplementedError", "", {{"test_app.py", 3, "t", ""}, {"app.py", 2, "f", ""}, {"users.py", 1, "add", ""}});
  Plan plan = make_plan("make it work", files, read_facts(files), &report);
  EXPECT_EQ(paths(plan), Paths{"users.py"});
  EXPECT_EQ(plan.steps[0].checks, Paths{"test_app.py::T::test_a"});
}
TEST(Plan, MissingNameAndMissingModule) {
  auto files = project(
      {{"users.py", "x = 1\n"}, {"tests/test_users.py", "from users import login\n"}, {"tests/test_tok.py", "import tokens_store\n"}});
  BoxReport report;
  report.static_ids["tests/test_users.py"] = {"tests/test_users.py::T::a"};
  report.static_ids["tests/test_tok.py"] = {"tests/test_tok.py::T::b"};
  report.module_errors["tests/test_users.py"] = failure("ImportError", "cannot import name 'login' from 'users' (users.py)", {}, "users");
  report.module_errors["tests/test_tok.py"] = failure("ModuleNotFoundError", "No module named 'tokens_store'", {}, "tokens_store");
  Plan plan = make_plan("add login", files, read_facts(files), &report);
  ASSERT_EQ(plan.steps.size(), 2U);
  std::map<std::string, bool> creates;
  for (const PlanStep& step : plan.steps) creates[step.path] = step.creates;
  EXPECT_EQ(creates, (std::map<std::string, bool>{{"tokens_store.py", true}, {"users.py", false}}));
}
TEST(Plan, MissingPackageIsANoteAndNoFile) {
  auto files = project({{"app.py", "import flask\n"}, {"test_app.py", "import app\n"}});
  BoxReport report;
  report.module_errors["test_app.py"] = failure("ModuleNotFoundError", "No module named 'flask'", {{"app.py", 1, "<module>", ""}}, "flask");
  Plan plan = make_plan("x", files, read_facts(files), &report);
  for (const PlanStep& step : plan.steps) EXPECT_NE(step.path, "flask.py");
  ASSERT_EQ(plan.notes.size(), 1U);
  EXPECT_NE(plan.notes[0].find("'flask'"), std::string::npos);
}
TEST(Plan, MissingAttributePointsAtTheFileOfItsClass) {
  auto files = project({{"users.py", "class UserStore:\n    def add(self): pass\n"}, {"test_x.py", "import users\n"}});
  BoxReport report;
  report.results["test_x.py::T::a"] =
      failure("AttributeError", "'UserStore' object has no attribute 'verify'", {{"test_x.py", 1, "a", "s.verify()"}});
  EXPECT_EQ(paths(make_plan("x", files, read_facts(files), &report)), Paths{"users.py"});
}
TEST(Plan, ImportedFilesComeFirst) {
  auto files = project({{"app.py", "import users\n"}, {"users.py", "x = 1\n"}});
  EXPECT_EQ(paths(make_plan("change app.py and users.py", files, read_facts(files), nullptr)), (Paths{"users.py", "app.py"}));
}
TEST(Plan, CyclicImportsEnd) {
  auto files = project({{"a.py", "import b\n"}, {"b.py", "import a\n"}});
  EXPECT_EQ(make_plan("change a.py and b.py", files, read_facts(files), nullptr).steps.size(), 2U);
}
TEST(Plan, TestsAreNeverTargets) {
  auto files = project({{"test_a.py", "x = 1\n"}, {"a.py", "x = 1\n"}});
  EXPECT_EQ(paths(make_plan("change test_a.py", files, read_facts(files), nullptr)), Paths{"a.py"});
}
TEST(Plan, WhatTheTaskSaysToUseIsNotWhatItSaysToChange) {
  auto files = project({{"src/kdf.h", "std::string derive_key(int);\nstd::string random_bytes(int);\n"},
                        {"src/kdf.cpp", "#include \"kdf.h\"\nstd::string derive_key(int) {}\nstd::string random_bytes(int) {}\n"},
                        {"src/passwords.cpp", "#include \"kdf.h\"\nstd::string hash_password(int) { throw 1; }  // not written yet\n"},
                        {"src/passwords.h", "std::string hash_password(int);\n"},
                        {"tests/passwords_test.cpp", "#include \"passwords.h\"\n"}});
  BoxReport report;
  report.results["tests/passwords_test.cpp::a"] = failure("TestFailure", "hash_password is not written yet");
  const std::string task = "Write hash_password in src/passwords.cpp. Use derive_key and random_bytes of kdf.h.";
  EXPECT_EQ(paths(make_plan(task, files, read_facts(files), &report)), Paths{"src/passwords.cpp"});
}
TEST(Plan, EmptyProjectLetsTheModelNameTheFile) {
  Plan plan = make_plan("write a game", {}, read_facts({}), nullptr);
  EXPECT_EQ(paths(plan), Paths{""});
}
TEST(Plan, FailingTestsCountCrashedAndUncollectedOnes) {
  BoxReport report;
  report.collected = {"t.py::a", "t.py::b", "t.py::c"};
  report.results["t.py::a"] = {"passed", "", "", "", {}};
  report.results["t.py::b"] = {"crashed", "", "", "", {}};
  report.module_errors["u.py"] = failure("SyntaxError", "bad");
  EXPECT_EQ(failing_tests(report), (Paths{"t.py::b", "t.py::c", "u.py"}));
}

}  // namespace
}  // namespace aicoder::agent
