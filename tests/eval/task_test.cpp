#include "eval/task.h"

#include <fstream>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::eval {
namespace {

const std::filesystem::path kData = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data";

std::filesystem::path write(const test::TempDir& dir, const std::string& text) {
  const auto path = dir / "rows.jsonl";
  std::ofstream(path) << text;
  return path;
}

TEST(HumanEvalRows, AreReadInTheirOrder) {
  const auto tasks = load_humaneval(kData / "humaneval/v1/sample.jsonl");
  ASSERT_EQ(tasks.size(), 5u);
  EXPECT_EQ(tasks[0].id, "HumanEval/0");
  EXPECT_EQ(tasks[4].number, 53);
  EXPECT_EQ(tasks[4].entry_point, "add");
  EXPECT_TRUE(tasks[0].calls_check);
  EXPECT_FALSE(tasks[0].shares_namespace);
}

TEST(HumanEvalRows, ThePromptHoldsNoHiddenTest) {
  for (const auto& task : load_humaneval(kData / "humaneval/v1/sample.jsonl")) {
    EXPECT_EQ(task.prompt.find("candidate"), std::string::npos) << task.id;
  }
}

TEST(MbppRows, PromptIsTheDescriptionAndTheFirstAssertOnly) {
  const auto tasks = load_mbpp(kData / "mbpp/v1/sample.jsonl");
  ASSERT_EQ(tasks.size(), 6u);
  EXPECT_EQ(tasks[0].id, "Mbpp/2");
  EXPECT_EQ(tasks[0].prompt,
            "\"\"\"\nWrite a function to find the shared elements from the given two lists.\n"
            "assert set(similar_elements((3, 4, 5, 6),(5, 7, 4, 10))) == set((4, 5))\n\"\"\"\n");
  EXPECT_EQ(tasks[0].entry_point, "similar_elements");  // not set, which the assert calls first
  EXPECT_EQ(tasks[0].tests.size(), 3u);
}

TEST(MbppRows, TheFullFilesFieldNameIsReadToo) {
  const test::TempDir dir;
  const auto tasks = load_mbpp(
      write(dir, R"~({"task_id": 1, "text": "Double.", "code": "def double(x): return 2*x", "test_list": ["assert double(2) == 4"]})~"));
  EXPECT_NE(tasks.at(0).prompt.find("Double."), std::string::npos);
}

TEST(TaskRows, ABadRowIsNamedByItsLine) {
  const test::TempDir dir;
  const std::string good = R"~({"task_id": "HumanEval/0", "prompt": "p", "entry_point": "f", "test": "t"})~";
  EXPECT_ERROR(load_humaneval(write(dir, good + "\n\n{\"task_id\": \"Human\n")), ErrorCode::kInvalidArgument, "rows.jsonl line 3");
  EXPECT_ERROR(load_humaneval(write(dir, good + "\n[]\n")), ErrorCode::kInvalidArgument, "line 2: expected a JSON object");
  EXPECT_ERROR(load_humaneval(write(dir, R"~({"task_id": "HumanEval/0", "prompt": 3, "entry_point": "f", "test": "t"})~")),
               ErrorCode::kInvalidArgument, "line 1: expected a string 'prompt', found number");
  EXPECT_ERROR(load_humaneval(write(dir, R"~({"task_id": "HumanEval/0", "prompt": "p", "test": "t"})~")), ErrorCode::kInvalidArgument,
               "expected a string 'entry_point', found no such field");
  EXPECT_ERROR(load_humaneval(write(dir, R"~({"task_id": "HumanEval/x", "prompt": "p", "entry_point": "f", "test": "t"})~")),
               ErrorCode::kInvalidArgument, "expected a task_id like");
  EXPECT_ERROR(load_humaneval(write(dir, good + "\n" + good)), ErrorCode::kInvalidArgument,
               "line 2: task_id \"HumanEval/0\" comes a second time");
  EXPECT_ERROR(load_mbpp(write(dir, R"~({"task_id": "1", "prompt": "p", "code": "", "test_list": ["assert f()"]})~")),
               ErrorCode::kInvalidArgument, "expected an integer 'task_id', found string");
  EXPECT_ERROR(load_mbpp(write(dir, R"~({"task_id": 1, "prompt": "p", "code": "", "test_list": []})~")), ErrorCode::kInvalidArgument,
               "'test_list' is empty");
  EXPECT_ERROR(load_mbpp(write(dir, R"~({"task_id": 1, "prompt": "p", "code": "def g(): pass", "test_list": ["assert f()"]})~")),
               ErrorCode::kInvalidArgument, "calls no function that 'code' defines");
}

TEST(TaskRows, DeepNestingIsRefusedAndDoesNotOverflowTheStack) {
  const test::TempDir dir;
  EXPECT_ERROR(load_humaneval(write(dir, "{\"task_id\": " + std::string(200'000, '[') + std::string(200'000, ']') + "}")),
               ErrorCode::kInvalidArgument, "line 1");
}

TEST(TaskRows, AFileWithoutRowsIsRefused) {
  const test::TempDir dir;
  EXPECT_ERROR(load_humaneval(write(dir, "\n  \n")), ErrorCode::kInvalidArgument, "holds no row");
}

TEST(Suites, UnknownNamesAndMissingFilesSayWhatToGive) {
  EXPECT_ERROR(load_suite("humanevil", {}), ErrorCode::kInvalidArgument, "no suite 'humanevil'");
  EXPECT_ERROR(load_suite("mbpp", "/no/such/file"), ErrorCode::kNotFound, "no data file at /no/such/file");
}

TEST(Suites, DataIsFoundInTheDataFolder) {
  const test::TempDir home;
  ::setenv("AICODER_HOME", home.path().c_str(), 1);
  try {
    load_suite("humaneval", {});
    ADD_FAILURE() << "threw nothing";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_EQ(error.fix(), "aicoder eval humaneval --data FILE");
  }
  std::filesystem::create_directories(home / "data");
  std::filesystem::copy_file(kData / "humaneval/v1/sample.jsonl", home / "data/HumanEval.jsonl");
  EXPECT_EQ(load_suite("humaneval", {}).size(), 5u);
  ::unsetenv("AICODER_HOME");
}

TEST(TaskHash, ChangesWithEveryFieldAndWithItsPlace) {
  EvalTask task;
  task.id = "a";
  task.tests = {"x", "y"};
  EvalTask other = task;
  EXPECT_EQ(task.hash(), other.hash());
  other.tests = {"xy"};
  EXPECT_NE(task.hash(), other.hash());
  other = task;
  other.prompt = "p";
  EXPECT_NE(task.hash(), other.hash());
  other = task;
  other.setup = {"x"};
  other.tests = {"y"};
  EXPECT_NE(task.hash(), other.hash());
}

}  // namespace
}  // namespace aicoder::eval
