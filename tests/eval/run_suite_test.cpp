#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <csignal>
#include <fstream>

#include "aicoder/eval.h"
#include "eval/fakes.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using test::FakeGenerator;
using test::FakeRunner;

const std::filesystem::path kHumanEval = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data/humaneval/v1/sample.jsonl";
const std::filesystem::path kMbpp = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data/mbpp/v1/sample.jsonl";

std::string right_on_add(const GenerationRequest& request) {
  return request.messages.back().content.find("def add(") != std::string::npos ? "right" : "wrong";
}

EvalOptions humaneval(const std::filesystem::path& out = {}) {
  EvalOptions options;
  options.suite = "humaneval";
  options.data = kHumanEval;
  options.out_dir = out;
  return options;
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(RunSuite, AsksForAllAnswersAtOnceAndReportsInTheOrderOfTheData) {
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  const auto report = run_suite(generator, runner, humaneval());
  EXPECT_EQ(generator.calls, 1u);
  ASSERT_EQ(report.items.size(), 5u);
  EXPECT_EQ(report.items[0].id, "HumanEval/0");
  EXPECT_EQ(report.items[4].id, "HumanEval/53");
  EXPECT_EQ(report.passed, 1u);
  EXPECT_TRUE(report.items[4].passed);
  EXPECT_EQ(report.items[4].verdict, "OK");
  EXPECT_EQ(report.items[0].verdict, "RE");
  EXPECT_EQ(report.items[0].detail, "AssertionError");
  EXPECT_DOUBLE_EQ(report.score, 0.2);
  EXPECT_EQ(report.tokens, 5u * 13);
  EXPECT_EQ(report.model, "fake");
}

TEST(RunSuite, LimitAndIdRangeChooseTheTasks) {
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  auto options = humaneval();
  options.limit = 2;
  EXPECT_EQ(run_suite(generator, runner, options).n, 2u);
  EvalOptions mbpp;
  mbpp.suite = "mbpp";
  mbpp.data = kMbpp;
  mbpp.last_id = 600;
  const auto below = run_suite(generator, runner, mbpp);
  EXPECT_EQ(below.items.front().id, "Mbpp/2");
  EXPECT_EQ(below.items.back().id, "Mbpp/7");
  mbpp.first_id = 601;
  mbpp.last_id = 0;
  EXPECT_EQ(run_suite(generator, runner, mbpp).items.front().id, "Mbpp/602");
  mbpp.first_id = 5000;
  EXPECT_ERROR(run_suite(generator, runner, mbpp), ErrorCode::kInvalidArgument, "no task is left");
  options.first_id = 3;
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "an id range is for mbpp");
}

TEST(RunSuite, ImpossibleOptionsAreRefused) {
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  auto options = humaneval();
  options.n_workers = 0;
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "n_workers is 0");
  options = humaneval();
  options.max_tokens = 0;
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "max_tokens is 0");
  options = humaneval();
  options.mode = Mode::kAgent;
  options.fragments = {{"a", 0.1f}, {"b", 0.1f}};
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "takes one fragment");
}

TEST(RunSuite, HiddenTestsNeverReachTheEngine) {
  // The same data with every hidden test replaced asks for the same bytes.
  const test::TempDir dir;
  {
    std::ofstream corrupted(dir / "corrupted.jsonl");
    for (const auto& line : lines_of(kHumanEval)) {
      auto row = nlohmann::json::parse(line);
      row["test"] = "def check(candidate):\n    assert candidate == 'CORRUPTED'\n";
      row["canonical_solution"] = "CORRUPTED";
      corrupted << row.dump() << "\n";
    }
  }
  const auto asked = [](const EvalOptions& options) {
    FakeGenerator generator(right_on_add);
    FakeRunner runner(test::is_right);
    run_suite(generator, runner, options);
    std::string text;
    for (const auto& request : generator.asked)
      text += request.messages.at(0).content + "|" + request.assistant_prefix + "|" + request.grammar;
    return text;
  };
  auto corrupted = humaneval();
  corrupted.data = dir / "corrupted.jsonl";
  const auto text = asked(humaneval());
  EXPECT_EQ(text, asked(corrupted));
  EXPECT_EQ(text.find("candidate"), std::string::npos);
}

TEST(RunSuite, FragmentsGoWithEveryRequest) {
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  auto options = humaneval();
  options.fragments = {{"coder", 0.3f}};
  const auto report = run_suite(generator, runner, options);
  for (const auto& request : generator.asked) EXPECT_EQ(request.fragments.at(0).strength, 0.3f);
  EXPECT_EQ(report.fragments.at(0).name, "coder");
}

TEST(RunSuite, TabsBecomeFourSpacesBeforeGradingAndStayInTheCompletion) {
  FakeGenerator generator([](const GenerationRequest&) { return "def f():\n\treturn 1"; });
  FakeRunner runner(test::is_right);
  auto options = humaneval();
  options.limit = 1;
  const auto report = run_suite(generator, runner, options);
  EXPECT_EQ(report.items[0].completion, "def f():\n\treturn 1");
  EXPECT_EQ(report.items[0].solution, "def f():\n    return 1");
}

TEST(RunSuite, ProgressCountsEveryGradedTask) {
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  auto options = humaneval();
  std::vector<double> seen;
  options.progress = [&](const Progress& step) {
    EXPECT_EQ(step.total, 5.0);
    seen.push_back(step.done);
  };
  run_suite(generator, runner, options);
  EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(RunSuite, AStopKeepsFinishedItemsAndThrows) {
  const test::TempDir out;
  std::stop_source source;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  auto options = humaneval(out.path());
  options.n_workers = 1;
  options.stop = source.get_token();
  options.progress = [&](const Progress& step) {
    if (step.done == 2) source.request_stop();
  };
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kCancelled, "");
  EXPECT_EQ(lines_of(out / "items.jsonl").size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(out / "report.json"));
  EXPECT_ERROR(read_report(out.path()), ErrorCode::kFailedPrecondition, "has not finished");

  options.stop = {};
  options.progress = {};
  const auto report = run_suite(generator, runner, options);
  EXPECT_EQ(report.resumed, 2u);
  EXPECT_EQ(report.n, 5u);
}

TEST(RunSuite, ABrokenSandboxFailsTheRunNotTheItem) {
  class Broken : public CodeRunner {
   public:
    SandboxResult run(const SandboxRequest&, const std::stop_token&) override {
      SandboxResult result;
      result.verdict = Verdict::kSandboxErr;
      result.detail = "no namespaces";
      return result;
    }
    std::string level() const override { return "none"; }
  } runner;
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  EXPECT_ERROR(run_suite(generator, runner, humaneval(out.path())), ErrorCode::kUnavailable, "no namespaces");
  EXPECT_TRUE(lines_of(out / "items.jsonl").empty());
}

TEST(RunSuite, AnEngineThatFailsIsReportedAsItself) {
  FakeGenerator generator(
      [](const GenerationRequest&) -> std::string { throw Error(ErrorCode::kResourceExhausted, "[fake] out of memory"); });
  FakeRunner runner(test::is_right);
  EXPECT_ERROR(run_suite(generator, runner, humaneval()), ErrorCode::kResourceExhausted, "out of memory");
}

// ---- resuming ------------------------------------------------------------------------------------------------------------

TEST(Resume, AfterAKillOnlyTheMissingItemsRun) {
  const test::TempDir out;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    FakeGenerator generator(right_on_add);
    FakeRunner runner(test::is_right);
    auto options = humaneval(out.path());
    options.n_workers = 1;
    options.progress = [](const Progress& step) {
      if (step.done == 3) ::kill(::getpid(), SIGKILL);
    };
    run_suite(generator, runner, options);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ASSERT_EQ(lines_of(out / "items.jsonl").size(), 3u);

  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  const auto report = run_suite(generator, runner, humaneval(out.path()));
  EXPECT_EQ(report.resumed, 3u);
  EXPECT_EQ(generator.asked.size(), 2u);
  EXPECT_EQ(report.n, 5u);
  EXPECT_EQ(report.passed, 1u);
  EXPECT_EQ(lines_of(out / "items.jsonl").size(), 5u);
}

TEST(Resume, AFinishedRunAsksNothing) {
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  const auto first = run_suite(generator, runner, humaneval(out.path()));
  generator.asked.clear();
  const auto second = run_suite(generator, runner, humaneval(out.path()));
  EXPECT_TRUE(generator.asked.empty());
  EXPECT_EQ(second.resumed, 5u);
  EXPECT_EQ(second.passed, first.passed);
  EXPECT_EQ(second.items[4].completion, "right");
}

TEST(Resume, ATornLastLineIsDroppedAndItsItemRunsAgain) {
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  auto options = humaneval(out.path());
  options.limit = 2;
  run_suite(generator, runner, options);
  std::ofstream(out / "items.jsonl", std::ios::app) << R"({"id": "HumanEval/32", "pas)";
  options.limit = 3;
  generator.asked.clear();
  const auto report = run_suite(generator, runner, options);
  EXPECT_EQ(report.resumed, 2u);
  EXPECT_EQ(generator.asked.size(), 1u);
  const auto lines = lines_of(out / "items.jsonl");
  ASSERT_EQ(lines.size(), 3u);
  for (const auto& line : lines) EXPECT_FALSE(nlohmann::json::parse(line, nullptr, false).is_discarded()) << line;
}

TEST(Resume, ABrokenLineInTheMiddleIsNamed) {
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  run_suite(generator, runner, humaneval(out.path()));
  auto lines = lines_of(out / "items.jsonl");
  lines[1] = R"({"id": 7})";
  {
    std::ofstream rewritten(out / "items.jsonl");
    for (const auto& line : lines) rewritten << line << "\n";
  }
  EXPECT_ERROR(run_suite(generator, runner, humaneval(out.path())), ErrorCode::kDataLoss, "items.jsonl line 2");
}

TEST(Resume, OtherSettingsAreRefusedByName) {
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  run_suite(generator, runner, humaneval(out.path()));

  auto options = humaneval(out.path());
  options.max_tokens = 512;
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "max_tokens \"768\", this one has \"512\"");
  options = humaneval(out.path());
  options.fragments = {{"coder", 0.3f}};
  options.fragment_hashes = {std::string(64, 'a')};
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument,
               "fragments \"\", this one has \"coder:0.3@aaaaaaaaaaaaaaaa\"");
  options = humaneval(out.path());
  options.model_fingerprint = "other weights";
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "model_fingerprint");
  options = humaneval(out.path());
  options.mode = Mode::kAgent;
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "holds a run with");
  options = humaneval(out.path());
  options.suite = "mbpp";
  options.data = kMbpp;
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "suite \"humaneval\", this one has \"mbpp\"");
  FakeGenerator other(right_on_add);
  other.name = "another model";
  EXPECT_ERROR(run_suite(other, runner, humaneval(out.path())), ErrorCode::kInvalidArgument,
               "model \"fake\", this one has \"another model\"");
  EXPECT_EQ(lines_of(out / "items.jsonl").size(), 5u);
}

TEST(Resume, ChangedTasksAreRefused) {
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  run_suite(generator, runner, humaneval(out.path()));
  std::string data;
  for (const auto& line : lines_of(kHumanEval)) data += line + "\n";
  const size_t at = data.find("== True");
  ASSERT_NE(at, std::string::npos);
  data.replace(at, 7, "== None");
  std::ofstream(out / "changed.jsonl") << data;
  auto options = humaneval(out.path());
  options.data = out / "changed.jsonl";
  EXPECT_ERROR(run_suite(generator, runner, options), ErrorCode::kInvalidArgument, "HumanEval/0");
}

TEST(Resume, ASecondProcessOnTheSameFolderIsRefused) {
  const test::TempDir out;
  FakeRunner runner(test::is_right);
  FakeGenerator generator([&](const GenerationRequest&) {
    FakeGenerator inner(right_on_add);
    EXPECT_ERROR(run_suite(inner, runner, humaneval(out.path())), ErrorCode::kFailedPrecondition, "another process writes");
    return "right";
  });
  auto options = humaneval(out.path());
  options.limit = 1;
  run_suite(generator, runner, options);
}

TEST(Resume, FoldersThatAreNoRunAreRefused) {
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  std::ofstream(out / "file") << "x";
  EXPECT_ERROR(run_suite(generator, runner, humaneval(out / "file")), ErrorCode::kInvalidArgument, "is no folder");
  std::ofstream(out / "items.jsonl") << "{}\n";
  EXPECT_ERROR(run_suite(generator, runner, humaneval(out.path())), ErrorCode::kDataLoss, "no run.json");
  std::ofstream(out / "run.json") << "[1, 2";
  EXPECT_ERROR(run_suite(generator, runner, humaneval(out.path())), ErrorCode::kDataLoss, "not a run's settings");
}

// ---- reports -------------------------------------------------------------------------------------------------------------

TEST(Report, IsReadBackAsWritten) {
  const test::TempDir out;
  FakeGenerator generator(right_on_add);
  FakeRunner runner(test::is_right);
  auto options = humaneval(out.path());
  options.fragments = {{"coder", 0.3f}, {"own strength", std::nullopt}};
  const auto written = run_suite(generator, runner, options);
  for (const auto& path : {out.path(), out / "report.json"}) {
    const auto read = read_report(path);
    EXPECT_EQ(read.suite, "humaneval");
    EXPECT_EQ(read.model, "fake");
    EXPECT_EQ(read.mode, "direct");
    EXPECT_EQ(read.n, 5u);
    EXPECT_EQ(read.passed, written.passed);
    EXPECT_EQ(read.ci95, written.ci95);
    EXPECT_EQ(read.tokens, written.tokens);
    ASSERT_EQ(read.fragments.size(), 2u);
    EXPECT_EQ(read.fragments[0].strength, 0.3f);
    EXPECT_EQ(read.fragments[1].strength, std::nullopt);
    EXPECT_EQ(compare(written, read).both, written.passed);
  }
}

TEST(Report, BrokenFilesAreRefused) {
  const test::TempDir dir;
  EXPECT_ERROR(read_report(dir / "none.json"), ErrorCode::kNotFound, "none.json");
  std::ofstream(dir / "report.json") << "{\"format\": 1, \"suite\": 3}";
  EXPECT_ERROR(read_report(dir.path()), ErrorCode::kDataLoss, "is not a report");
  std::ofstream(dir / "report.json") << "{\"format\": 2}";
  EXPECT_ERROR(read_report(dir.path()), ErrorCode::kUnimplemented, "format 1");
  std::ofstream(dir / "report.json") << "not json";
  EXPECT_ERROR(read_report(dir.path()), ErrorCode::kDataLoss, "is not a report");
}

}  // namespace
}  // namespace aicoder
