// The loop with a scripted model and a scripted sandbox: what is asked, what is believed, what is refused.
#include <gtest/gtest.h>

#include "agent/fakes.h"
#include "agent/undo_journal.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using nlohmann::json;
using test::failed;
using test::FakeGenerator;
using test::FakeRunner;
using test::passed;
using test::write;

std::vector<json> all_pass(const json& job) {
  std::vector<json> events;
  if (job["mode"] == "compile") {
    for (const auto& [key, source] : job["sources"].items()) events.push_back(passed(key));
  } else if (job["mode"] == "checks") {
    for (size_t i = 0; i < job["checks"].size(); ++i) events.push_back(passed(std::to_string(i)));
  } else {
    for (const auto& file : job["files"]) events.push_back(passed(file.get<std::string>()));
  }
  return events;
}

class AgentTest : public testing::Test {
 protected:
  AgentTest() : guard_(home_.path()) {}
  AgentResult run(FakeGenerator& generator, CodeRunner* runner, TaskRequest request, AgentOptions options = {}) {
    Agent agent(generator, runner, options);
    AgentObserver observer;
    observer.on_step_begin = [this](const AgentStep& step) { begun_.push_back(step.role); };
    observer.on_step_end = [this](const AgentStep& step) { ended_.push_back(step.role); };
    observer.on_text = [this](std::string_view text) { streamed_ += text; };
    return agent.run(request, observer);
  }
  test::TempDir home_, dir_;
  test::HomeGuard guard_;
  std::vector<std::string> begun_, ended_;
  std::string streamed_;
};

TEST_F(AgentTest, QuestionIsAnsweredDirectlyAndNothingIsRun) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "A list is ordered."; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  AgentResult result = run(generator, &runner, {.task = "What is a list?"});
  EXPECT_EQ(result.answer, "A list is ordered.");
  EXPECT_EQ(result.verification, Verification::kNotRun);
  EXPECT_EQ(streamed_, "A list is ordered.");
  EXPECT_TRUE(runner.requests.empty());
  EXPECT_EQ(begun_, ended_);
  EXPECT_GT(result.tokens, 0U);
}

TEST_F(AgentTest, HistoryGoesBeforeTheTaskAndKoreanIsAskedFor) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "네"; });
  run(generator, nullptr, {.task = "리스트가 뭐야?", .history = {{"user", "hi"}, {"assistant", "hello"}}});
  ASSERT_EQ(generator.seen.size(), 1U);
  ASSERT_EQ(generator.seen[0].messages.size(), 4U);
  EXPECT_NE(generator.seen[0].messages[0].content.find("한국어"), std::string::npos);
  EXPECT_EQ(generator.seen[0].messages[1].content, "hi");
}

TEST_F(AgentTest, FirstAnswerThatPassesTheExamplesEndsTheRun) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "def add(a, b):\n    return a + b\n"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  AgentResult result = run(generator, &runner, {.task = "Write add(a, b). add(1, 2) == 3"});
  EXPECT_EQ(result.verification, Verification::kVerified);
  EXPECT_EQ(result.verification_detail, "1 of 1 given examples passed");
  EXPECT_EQ(generator.seen.size(), 1U) << "no sampling after a success";
  EXPECT_EQ(result.answer, "```python\ndef add(a, b):\n    return a + b\n```\n");
}

TEST_F(AgentTest, SamplesAfterAFailureAndTakesTheOneThatPasses) {
  FakeGenerator generator([](const GenerationRequest& request, size_t sample) {
    return request.sampling.temperature > 0 && sample == 1 ? "def f(x):\n    return 2\n"
                                                           : "def f(x):\n    return " + std::to_string(10 + sample) + "\n";
  });
  FakeRunner runner([](const json& job, const SandboxRequest&) {
    bool good = job["code"].get<std::string>().find("return 2") != std::string::npos;
    return std::vector<json>{good ? passed("0") : failed("0")};
  });
  AgentResult result = run(generator, &runner, {.task = "f(1) == 2"});
  EXPECT_EQ(result.verification, Verification::kVerified);
  EXPECT_NE(result.answer.find("return 2"), std::string::npos);
  ASSERT_EQ(generator.seen.size(), 2U);
  EXPECT_EQ(generator.seen[1].n, 3U);
}

TEST_F(AgentTest, IdenticalCandidatesRunOnceAndRepairsAreBounded) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "def f(x):\n    return 1\n"; });
  FakeRunner runner([](const json&, const SandboxRequest&) { return std::vector<json>{failed("0", "f(1) gave 1, expected 2")}; });
  AgentResult result = run(generator, &runner, {.task = "f(1) == 2"}, {.max_repairs = 2});
  EXPECT_EQ(result.verification, Verification::kRan);
  EXPECT_EQ(result.verification_detail, "0 of 1 given examples passed");
  EXPECT_EQ(runner.requests.size(), 2U) << "the candidate once, and the final run";
  EXPECT_EQ(std::count(begun_.begin(), begun_.end(), "debugger"), 2);
  bool told = false;
  for (const ChatMessage& message : generator.seen.back().messages)
    told = told || message.content.find("f(1) gave 1, expected 2") != std::string::npos;
  EXPECT_TRUE(told) << "repair shows the real error";
}

TEST_F(AgentTest, NonsenseAndEmptyAnswersAreAnOutcome) {
  for (std::string text : {"", "I like cats.", "```", "\xff\xfe"}) {
    FakeGenerator generator([&](const GenerationRequest& request, size_t) { return request.assistant_prefix.empty() ? text : "\n"; });
    FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
    AgentResult result = run(generator, &runner, {.task = "f(1) == 2"});
    EXPECT_EQ(result.verification, Verification::kNotRun);
    EXPECT_TRUE(runner.requests.empty());
  }
}

TEST_F(AgentTest, WithoutExamplesCodeThatRunsIsRanAtBest) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "def rev(s):\n    return s[::-1]\n"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  AgentResult result = run(generator, &runner, {.task = "Write a function that reverses a string.", .mode = Mode::kAgent});
  EXPECT_EQ(result.verification, Verification::kRan);
}

TEST_F(AgentTest, CodeThatTouchesTheTestFrameworkIsNeverVerified) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "import os\ndef f(x):\n    os._exit(0)\n"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  AgentResult result = run(generator, &runner, {.task = "f(1) == 2"}, {.max_repairs = 0});
  EXPECT_EQ(result.verification, Verification::kRan);
  EXPECT_FALSE(result.findings.empty());
}

TEST_F(AgentTest, TamperingThatTheRunnerSawIsNeverVerified) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "def f(x):\n    return 2\n"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) {
    auto events = all_pass(job);
    events.push_back({{"event", "tampered"}, {"names", {"TestCase.assertEqual"}}});
    return events;
  });
  EXPECT_EQ(run(generator, &runner, {.task = "f(1) == 2"}).verification, Verification::kRan);
}

TEST_F(AgentTest, KilledBoxIsNeverVerified) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "def f(x):\n    return 2\n"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  runner.verdict = Verdict::kTleCpu;
  EXPECT_EQ(run(generator, &runner, {.task = "f(1) == 2"}).verification, Verification::kRan);
}

TEST_F(AgentTest, RunnerThatDidNotReachItsEndIsNeverVerified) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "def f(x):\n    return 2\n"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  runner.add_done = false;
  EXPECT_EQ(run(generator, &runner, {.task = "f(1) == 2"}).verification, Verification::kRan);
}

TEST_F(AgentTest, DirectAnswerWithExamplesIsRun) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "Here:\n```python\ndef f(x):\n    return 2\n```\n"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  EXPECT_EQ(run(generator, &runner, {.task = "f(1) == 2", .mode = Mode::kDirect}).verification, Verification::kVerified);
  EXPECT_EQ(run(generator, nullptr, {.task = "f(1) == 2", .mode = Mode::kDirect}).verification, Verification::kNotRun);
}

TEST_F(AgentTest, RoleFragmentsAreSentAndTheirSwitchIsReported) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "def f(x):\n    return 1\n"; });
  FakeRunner runner([](const json&, const SandboxRequest&) { return std::vector<json>{failed("0")}; });
  AgentOptions options{.n_candidates = 1, .max_repairs = 1};
  options.role_fragments = {{"coder", {"coder", 0.2f}}, {"debugger", {"debugger", std::nullopt}}};
  AgentResult result = run(generator, &runner, {.task = "f(1) == 2"}, options);
  ASSERT_EQ(generator.seen.size(), 2U);
  EXPECT_EQ(generator.seen[0].fragments.at(0).name, "coder");
  EXPECT_EQ(generator.seen[1].fragments.at(0).name, "debugger");
  for (const AgentStep& step : result.steps) {
    if (step.role == "coder") {
      EXPECT_EQ(step.fragment, "coder:0.2");
    }
    if (step.role == "coder" || step.role == "debugger") {
      EXPECT_DOUBLE_EQ(step.switch_ms, 1.5);
    }
  }
}

TEST_F(AgentTest, RefusesWhatCannotBeDone) {
  FakeGenerator generator([](const GenerationRequest&, size_t) { return ""; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  write(dir_ / "file", "x");
  EXPECT_ERROR(run(generator, &runner, {.task = " \n"}), ErrorCode::kInvalidArgument, "empty");
  EXPECT_ERROR(run(generator, &runner, {.task = "x", .dir = dir_ / "absent"}), ErrorCode::kInvalidArgument, "absent");
  EXPECT_ERROR(run(generator, &runner, {.task = "x", .dir = dir_ / "file"}), ErrorCode::kInvalidArgument, "no folder");
  EXPECT_ERROR(run(generator, nullptr, {.task = "fix it", .dir = dir_.path(), .mode = Mode::kAgent}), ErrorCode::kFailedPrecondition,
               "sandbox");
  EXPECT_ERROR(Agent(generator, &runner, {.n_candidates = 0}), ErrorCode::kInvalidArgument, "n_candidates");
  EXPECT_ERROR(Agent(generator, &runner, {.max_tokens = 0}), ErrorCode::kInvalidArgument, "max_tokens");
  generator.n_ctx = 200;
  EXPECT_THROW(run(generator, &runner, {.task = std::string(5000, 'x')}), ContextOverflow);
}

TEST_F(AgentTest, RulesOfTheProjectReachTheModel) {
  write(dir_ / "app.py", "def f():\n    return 1\n");
  write(dir_ / "test_app.py",
        "import unittest\nfrom app import f\n\n\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(), 2)\n");
  write(dir_ / "AGENTS.md", "Name every constant.\n");
  FakeGenerator generator([](const GenerationRequest&, size_t) { return "```python\ndef f():\n    return 2\n```"; });
  FakeRunner runner([](const json& job, const SandboxRequest&) { return all_pass(job); });
  for (const Mode mode : {Mode::kAgent, Mode::kDirect}) {
    generator.seen.clear();
    run(generator, &runner, {.task = "Change f in app.py so that it returns 2.", .dir = dir_.path(), .mode = mode});
    ASSERT_FALSE(generator.seen.empty());
    EXPECT_NE(generator.seen[0].messages.back().content.find("Rules of this project (AGENTS.md):\n```\nName every constant."),
              std::string::npos)
        << generator.seen[0].messages.back().content;
  }
}

TEST_F(AgentTest, StopIsNoticed) {
  std::stop_source stop;
  FakeGenerator generator([&](const GenerationRequest&, size_t) {
    stop.request_stop();
    return "text";
  });
  Agent agent(generator, nullptr, {});
  EXPECT_ERROR(agent.run({.task = "what?"}, {}, stop.get_token()), ErrorCode::kCancelled, "");
}

// ---- projects ----

constexpr const char* kTest =
    "import unittest\nfrom a import f\n\n\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(1), 2)\n";

/// test_a.py::T::test_f passes when a.py holds "return 2", test_keep always unless a.py holds "break".
std::vector<json> project_events(const json& job, const SandboxRequest& request, const std::filesystem::path& dir) {
  if (job["mode"] != "tests") return all_pass(job);
  auto it = request.files.find("a.py");
  std::string a = it != request.files.end() ? it->second : read_file(dir / "a.py");
  std::vector<json> events = {{{"event", "collected"}, {"ids", {"test_a.py::T::test_f", "test_a.py::T::test_keep"}}}};
  events.push_back(a.find("return 2") != std::string::npos ? passed("test_a.py::T::test_f")
                                                           : failed("test_a.py::T::test_f", "AssertionError: 1 != 2", "a.py"));
  events.push_back(a.find("break") != std::string::npos ? failed("test_a.py::T::test_keep") : passed("test_a.py::T::test_keep"));
  return events;
}

class AgentProject : public AgentTest {
 protected:
  AgentProject() {
    write(dir_ / "a.py", "def f(x):\n    return 1\n");
    write(dir_ / "test_a.py", kTest);
  }
  FakeRunner runner_{[this](const json& job, const SandboxRequest& request) { return project_events(job, request, dir_.path()); }};
};

TEST_F(AgentProject, MendsTheFileAndLeavesTheFolderAlone) {
  FakeGenerator generator(
      [](const GenerationRequest& request, size_t) { return request.assistant_prefix.empty() ? "NONE" : "def f(x):\n    return 2\n"; });
  AgentResult result = run(generator, &runner_, {.task = "fix f", .dir = dir_.path()});
  EXPECT_EQ(result.verification, Verification::kVerified);
  EXPECT_EQ(result.verification_detail, "2 of 2 given tests passed (1 of 2 failed before)");
  ASSERT_EQ(result.files.size(), 1U);
  EXPECT_EQ(result.files[0].path, "a.py");
  EXPECT_EQ(result.files[0].before, "def f(x):\n    return 1\n");
  EXPECT_NE(result.files[0].diff.find("+    return 2"), std::string::npos);
  EXPECT_EQ(read_file(dir_ / "a.py"), "def f(x):\n    return 1\n") << "only apply_changes writes";
  EXPECT_EQ(begun_, (std::vector<std::string>{"route", "run", "plan", "coder", "run", "review", "security", "run"}));
  EXPECT_EQ(begun_, ended_);
  EXPECT_EQ(runner_.requests.back().files, (std::map<std::string, std::string>{{"a.py", "def f(x):\n    return 2\n"}}))
      << "the last run is on exactly these files";
  apply_changes(result, dir_.path());
  EXPECT_EQ(read_file(dir_ / "a.py"), "def f(x):\n    return 2\n");
}

TEST_F(AgentProject, CandidateThatBreaksAPassingTestIsNotTaken) {
  FakeGenerator generator([](const GenerationRequest& request, size_t) {
    return request.assistant_prefix.empty() ? "NONE" : "def f(x):\n    return 2  # break\n";
  });
  AgentResult result = run(generator, &runner_, {.task = "fix f", .dir = dir_.path()});
  EXPECT_TRUE(result.files.empty());
  EXPECT_EQ(result.verification, Verification::kRan);
  EXPECT_NE(result.verification_detail.find("1 of 2 given tests pass as before"), std::string::npos) << result.verification_detail;
}

TEST_F(AgentProject, EditsOfGivenTestsAreDropped) {
  FakeGenerator generator([](const GenerationRequest& request, size_t) {
    return request.assistant_prefix.empty() ? "NONE" : "def f(x):\n    return 2\n```\ntest_a.py\n```python\nimport unittest\n";
  });
  AgentResult result = run(generator, &runner_, {.task = "fix f", .dir = dir_.path()});
  ASSERT_EQ(result.files.size(), 1U);
  EXPECT_EQ(result.files[0].path, "a.py");
  for (const SandboxRequest& request : runner_.requests) EXPECT_FALSE(request.files.contains("test_a.py"));
  bool noted = false;
  for (const AgentStep& step : result.steps) noted = noted || step.detail.find("belongs to the given tests") != std::string::npos;
  EXPECT_TRUE(noted);
}

TEST_F(AgentProject, TestsThatDisappearAreFailures) {
  FakeGenerator generator(
      [](const GenerationRequest& request, size_t) { return request.assistant_prefix.empty() ? "NONE" : "def f(x):\n    return 2\n"; });
  size_t calls = 0;
  FakeRunner runner([&](const json& job, const SandboxRequest& request) -> std::vector<json> {
    if (job["mode"] != "tests" || calls++ == 0) return project_events(job, request, dir_.path());
    return {{{"event", "collected"}, {"ids", {"test_a.py::T::test_f"}}}, passed("test_a.py::T::test_f")};
  });
  AgentResult result = run(generator, &runner, {.task = "fix f", .dir = dir_.path()});
  EXPECT_NE(result.verification, Verification::kVerified);
}

TEST_F(AgentProject, RepairUsesTheRealErrorAndTheDebuggerRole) {
  FakeGenerator generator([](const GenerationRequest& request, size_t) -> std::string {
    if (request.assistant_prefix.empty()) return "NONE";
    bool debugger = request.messages[0].content.find("debugger") != std::string::npos;
    return debugger ? "def f(x):\n    return 2\n" : "def f(x):\n    return 3\n";
  });
  AgentResult result = run(generator, &runner_, {.task = "fix f", .dir = dir_.path()});
  EXPECT_EQ(result.verification, Verification::kVerified);
  EXPECT_NE(std::find(begun_.begin(), begun_.end(), "debugger"), begun_.end());
}

TEST_F(AgentProject, ReviewFindingIsMendedInOneMoreRound) {
  FakeGenerator generator([](const GenerationRequest& request, size_t) -> std::string {
    if (request.assistant_prefix.empty()) return "1. f uses the password in an unsafe way\n";
    bool review = request.messages.back().content.find("security review") != std::string::npos;
    return review ? "def f(x):\n    return 2\n" : "import os\n\ndef f(x):\n    os.system(x)\n    return 2\n";
  });
  AgentResult result = run(generator, &runner_, {.task = "fix f", .dir = dir_.path()});
  EXPECT_EQ(result.files.at(0).after, "def f(x):\n    return 2\n");
  EXPECT_EQ(result.findings, std::vector<std::string>{"note of the model, not checked: f uses the password in an unsafe way"});
  EXPECT_EQ(result.verification, Verification::kVerified);
}

TEST_F(AgentProject, FindingThatStaysIsReported) {
  FakeGenerator generator([](const GenerationRequest& request, size_t) {
    return request.assistant_prefix.empty() ? "NONE" : "import os\n\ndef f(x):\n    os.system(x)\n    return 2\n";
  });
  AgentResult result = run(generator, &runner_, {.task = "fix f", .dir = dir_.path()});
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_NE(result.findings[0].find("a.py:4: os.system"), std::string::npos);
}

TEST_F(AgentProject, AnswersInKorean) {
  FakeGenerator generator(
      [](const GenerationRequest& request, size_t) { return request.assistant_prefix.empty() ? "NONE" : "def f(x):\n    return 2\n"; });
  AgentResult result = run(generator, &runner_, {.task = "f 함수를 고쳐줘", .dir = dir_.path()});
  EXPECT_NE(result.answer.find("변경한 파일: a.py"), std::string::npos) << result.answer;
}

TEST_F(AgentProject, WithoutTestsItIsRanAtBest) {
  std::filesystem::remove(dir_ / "test_a.py");
  FakeGenerator generator(
      [](const GenerationRequest& request, size_t) { return request.assistant_prefix.empty() ? "NONE" : "def f(x):\n    return 2\n"; });
  AgentResult result = run(generator, &runner_, {.task = "change f in a.py", .dir = dir_.path()});
  EXPECT_EQ(result.verification, Verification::kRan);
  EXPECT_NE(result.verification_detail.find("no test was given"), std::string::npos);
}

TEST_F(AgentProject, EmptyFolderGetsTheFileTheModelNames) {
  test::TempDir empty;
  FakeGenerator generator([](const GenerationRequest& request, size_t) -> std::string {
    if (request.messages.back().content.find("weaknesses") != std::string::npos) return "NONE";
    return "game.py\n```python\nprint('hi')\n```\n../evil.py\n```python\nx = 1\n```\njson.py\n```python\ny = 1\n```\n";
  });
  AgentResult result = run(generator, &runner_, {.task = "write a game", .dir = empty.path()});
  ASSERT_EQ(result.files.size(), 1U);
  EXPECT_EQ(result.files[0].path, "game.py");
  EXPECT_FALSE(result.files[0].before.has_value());
}

TEST_F(AgentProject, HalfAppliedFolderIsRefusedWithTheFix) {
  AgentResult changes;
  changes.files = {{"a.py", "", "def f(x):\n    return 1\n", "x\n"}, {"b.py", "", std::nullopt, "y\n"}};
  struct Crash {};
  EXPECT_THROW(agent::apply_journaled(changes.files, dir_.path(),
                                      [](const std::string& where) {
                                        // NOLINTNEXTLINE(bugprone-std-exception-baseclass): a kill, which no handler may see
                                        if (where == "written:a.py") throw Crash{};
                                      }),
               Crash);
  FakeGenerator generator([](const GenerationRequest&, size_t) { return ""; });
  EXPECT_ERROR(run(generator, &runner_, {.task = "fix f", .dir = dir_.path()}), ErrorCode::kFailedPrecondition, "interrupted");
  recover_changes(dir_.path());
  EXPECT_EQ(read_file(dir_ / "a.py"), "def f(x):\n    return 1\n");
}

TEST_F(AgentProject, NoProgressIsThrownAwayAndSaid) {
  FakeGenerator generator(
      [](const GenerationRequest& request, size_t) { return request.assistant_prefix.empty() ? "NONE" : "def f(x):\n    return 5\n"; });
  AgentResult result = run(generator, &runner_, {.task = "fix f", .dir = dir_.path()});
  EXPECT_TRUE(result.files.empty());
  EXPECT_NE(result.answer.find("mended none"), std::string::npos) << result.answer;
}

}  // namespace
}  // namespace aicoder
