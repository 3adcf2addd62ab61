// A real small model and the real sandbox on a tiny project. A 135M model may well fail; what it may not do is claim otherwise.
#include "agent/rerun.h"

namespace aicoder {
namespace {

using test::expect_honest;
using test::write;

/// A project of one file with one missing function.
class TinyProject : public testing::Test {
 protected:
  TinyProject() : model_(Model::load(test::require_model("smollm2-135m"))), guard_(home_.path()) {
    write(dir_ / "calc.py", "def add(a, b):\n    raise NotImplementedError\n\n\ndef twice(a):\n    return a + a\n");
    write(dir_ / "tests/__init__.py", "");
    write(dir_ / "tests/test_calc.py",
          "import unittest\nfrom calc import add, twice\n\n\nclass T(unittest.TestCase):\n    def test_add(self):\n        "
          "self.assertEqual(add(1, 2), 3)\n\n"
          "    def test_twice(self):\n        self.assertEqual(twice(2), 4)\n");
  }
  std::shared_ptr<const Model> model_;
  test::TempDir home_, dir_;
  test::HomeGuard guard_;
};

TEST_F(TinyProject, RunIsCompleteAndHonest) {
  LaneOptions lanes;
  lanes.context = {.n_ctx_seq = 2048, .n_seq_max = 2};
  LocalGenerator generator(model_, lanes, [](std::string_view name) { return std::filesystem::path(name); });
  Sandbox box;
  Agent agent(generator, &box, {.n_candidates = 2, .max_repairs = 1, .max_tokens = 160});
  size_t begun = 0, ended = 0;
  AgentObserver observer;
  observer.on_step_begin = [&](const AgentStep&) { ++begun; };
  observer.on_step_end = [&](const AgentStep&) { ++ended; };
  AgentResult result = agent.run({.task = "Implement add in calc.py: it returns the sum of a and b.", .dir = dir_.path()}, observer);
  EXPECT_EQ(result.mode, Mode::kAgent);
  EXPECT_EQ(begun, ended);
  EXPECT_EQ(begun, result.steps.size());
  EXPECT_GT(result.tokens, 100U);
  EXPECT_EQ(result.steps.at(1).detail, "before: 1 of 2 given tests pass (unittest)");
  EXPECT_EQ(result.steps.at(2).role, "plan");
  EXPECT_NE(result.steps.at(2).detail.find("change calc.py"), std::string::npos);
  EXPECT_EQ(read_file(dir_ / "calc.py").find("return a + b"), std::string::npos) << "nothing is written before apply_changes";
  for (const FileChange& file : result.files) EXPECT_EQ(file.path, "calc.py");
  expect_honest(result, dir_.path());
}

TEST_F(TinyProject, FunctionWithAnExampleIsJudgedByIt) {
  LaneOptions lanes;
  lanes.context = {.n_ctx_seq = 1024, .n_seq_max = 2};
  LocalGenerator generator(model_, lanes, [](std::string_view name) { return std::filesystem::path(name); });
  Sandbox box;
  Agent agent(generator, &box, {.n_candidates = 2, .max_repairs = 0, .max_tokens = 100});
  AgentResult result = agent.run({.task = "Write a Python function add(a, b). Example: add(1, 2) == 3"}, {});
  auto code = extract_code(result.answer);
  if (result.verification == Verification::kVerified) {
    ASSERT_TRUE(code);
    SandboxResult judged = box.run({.argv = {"python3", "-c", *code + "\nassert add(1, 2) == 3\n"}});
    EXPECT_EQ(judged.verdict, Verdict::kOk) << judged.err;
  }
  EXPECT_NE(result.verification_detail, "");
}

TEST_F(TinyProject, SystemPromptsStayUnderAThousandTokens) {
  LaneOptions lanes;
  lanes.context = {.n_ctx_seq = 1024, .n_seq_max = 1};
  LocalGenerator generator(model_, lanes, [](std::string_view name) { return std::filesystem::path(name); });
  Agent agent(generator, nullptr, {.max_tokens = 8});
  AgentResult result = agent.run({.task = "안녕?"}, {});
  EXPECT_LT(result.tokens, 1000U);
}

}  // namespace
}  // namespace aicoder
