// The real agent and the real sandbox around a fake engine: what the loop sees must not depend on the hidden tests.
#include <gmock/gmock.h>
#include <fstream>
#include <nlohmann/json.hpp>

#include "aicoder/eval.h"
#include "aicoder/sandbox.h"
#include "eval/fakes.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using test::FakeGenerator;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kMbpp = std::filesystem::path(AICODER_SOURCE_DIR) / "tests/data/mbpp/v1/sample.jsonl";

/// All bytes the engine was asked, and the report.
struct Seen {
  std::string asked;
  EvalReport report;
};

Seen run_agent(const std::filesystem::path& data) {
  FakeGenerator generator(
      [](const GenerationRequest&) { return "```python\ndef similar_elements(a, b):\n    return tuple(set(a) & set(b))\n```"; });
  Sandbox box;
  EvalOptions options;
  options.suite = "mbpp";
  options.data = data;
  options.mode = Mode::kAgent;
  options.limit = 2;
  options.agent.n_candidates = 1;
  options.agent.max_repairs = 1;
  Seen seen;
  seen.report = run_suite(generator, box, options);
  for (const auto& request : generator.asked) {
    for (const auto& message : request.messages) seen.asked += message.role + ": " + message.content + "\n";
    seen.asked += request.assistant_prefix + "\n";
  }
  return seen;
}

class AgentMode : public testing::Test {
 protected:
  /// The sample with every assert but the first, and the reference solution's body, replaced.
  std::filesystem::path corrupted() {
    std::ifstream in(kMbpp);
    std::ofstream out(dir_ / "corrupted.jsonl");
    for (std::string line; std::getline(in, line);) {
      auto row = nlohmann::json::parse(line);
      for (size_t i = 1; i < row["test_list"].size(); ++i) row["test_list"][i] = "assert 'CORRUPTED' == 0";
      std::string code = row["code"];
      row["code"] = code + "\n# CORRUPTED";
      out << row.dump() << "\n";
    }
    return dir_ / "corrupted.jsonl";
  }
  test::TempDir dir_;
};

TEST_F(AgentMode, GradesTheFinalAnswerByAllTests) {
  const auto seen = run_agent(kMbpp);
  ASSERT_EQ(seen.report.n, 2u);
  EXPECT_TRUE(seen.report.items[0].passed) << seen.report.items[0].detail << seen.report.items[0].completion;
  EXPECT_FALSE(seen.report.items[1].passed);  // the same function answers another task
  EXPECT_EQ(seen.report.mode, "agent");
}

TEST_F(AgentMode, CorruptedHiddenTestsChangeNoPromptAndNoAnswer) {
  const auto honest = run_agent(kMbpp);
  const auto corrupt = run_agent(corrupted());
  EXPECT_EQ(honest.asked, corrupt.asked);
  EXPECT_THAT(corrupt.asked, Not(HasSubstr("CORRUPTED")));
  EXPECT_THAT(corrupt.asked, HasSubstr("assert set(similar_elements((3, 4, 5, 6),(5, 7, 4, 10)))"));  // the visible one
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(honest.report.items[i].completion, corrupt.report.items[i].completion);
  EXPECT_FALSE(corrupt.report.items[0].passed);  // and yet they grade
}

FakeGenerator similar_elements() {
  return FakeGenerator(
      [](const GenerationRequest&) { return "```python\ndef similar_elements(a, b):\n    return tuple(set(a) & set(b))\n```"; });
}

EvalOptions three_agents() {
  EvalOptions options;
  options.suite = "mbpp";
  options.data = kMbpp;
  options.mode = Mode::kAgent;
  options.agent.n_candidates = 1;
  options.agent.max_repairs = 0;
  options.n_agents = 3;
  return options;
}

TEST_F(AgentMode, SeveralAgentsGradeEachTaskOnceAndAlikeAndInTheOrderOfTheData) {
  FakeGenerator alone = similar_elements();
  Sandbox box;
  auto options = three_agents();
  const auto one_by_one = run_suite(alone, box, options);  // no agent_generator: the run's own
  std::atomic<size_t> generators = 0;
  options.agent_generator = [&generators] {
    ++generators;
    return std::make_unique<FakeGenerator>(similar_elements());
  };
  FakeGenerator unused = similar_elements();
  const auto together = run_suite(unused, box, options);
  EXPECT_EQ(unused.calls, 0u);
  EXPECT_EQ(generators, std::min<size_t>(3, together.n));
  ASSERT_EQ(together.items.size(), one_by_one.items.size());
  for (size_t i = 0; i < together.items.size(); ++i) {
    EXPECT_EQ(together.items[i].id, one_by_one.items[i].id);
    EXPECT_EQ(together.items[i].completion, one_by_one.items[i].completion);
    EXPECT_EQ(together.items[i].passed, one_by_one.items[i].passed);
  }
}

TEST_F(AgentMode, AnErrorOfOneAgentEndsTheRunAndIsTold) {
  Sandbox box;
  auto options = three_agents();
  options.agent_generator = [] {
    return std::make_unique<FakeGenerator>(
        [](const GenerationRequest&) -> std::string { throw Error(ErrorCode::kResourceExhausted, "[fake] out of memory"); });
  };
  FakeGenerator unused = similar_elements();
  EXPECT_ERROR(run_suite(unused, box, options), ErrorCode::kResourceExhausted, "out of memory");
}

}  // namespace
}  // namespace aicoder
