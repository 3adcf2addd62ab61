#include <gmock/gmock.h>
#include <fstream>

#include "aicoder/eval.h"
#include "eval/fakes.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using test::FakeGenerator;
using test::FakeRunner;

class SelectStrength : public testing::Test {
 protected:
  /// `n` tasks; task i is solved by whoever answers "solved" to a prompt holding "number i ".
  std::filesystem::path rows(int64_t first_id, int n) {
    std::ofstream out(dir_ / "rows.jsonl");
    for (int i = 0; i < n; ++i) {
      out << nlohmann::json{{"task_id", first_id + i},
                            {"prompt", "number " + std::to_string(i) + " "},
                            {"code", "def f(): pass"},
                            {"test_list", {"assert f()"}}}
                 .dump()
          << "\n";
    }
    return dir_ / "rows.jsonl";
  }
  /// passes_at(strength) tasks are solved, the first ones.
  StrengthChoice choose(const std::function<int(float)>& passes_at, StrengthOptions options) {
    FakeGenerator generator([&](const GenerationRequest& request) {
      const float strength = request.fragments.empty() ? 0.0f : request.fragments[0].strength.value();
      const auto& text = request.messages.back().content;
      const int number = std::stoi(text.substr(text.find("number ") + 7));
      asked_.push_back(strength);
      return number < passes_at(strength) ? "right" : "wrong";
    });
    FakeRunner runner(test::is_right);
    return select_strength(generator, runner, "coder.gguf", options);
  }
  test::TempDir dir_;
  std::vector<float> asked_;
};

TEST_F(SelectStrength, TakesTheBestOfTheGridWithPairedEvidence) {
  StrengthOptions options;
  options.tasks = rows(601, 20);
  const auto choice = choose([](float s) { return s == 0.15f ? 15 : s == 0.0f ? 5 : 8; }, options);
  EXPECT_EQ(choice.strength, 0.15f);
  ASSERT_EQ(choice.trials.size(), 4u);
  EXPECT_EQ(choice.trials[0].strength, 0.0f);
  EXPECT_EQ(choice.trials[2].passed, 15u);
  EXPECT_EQ(choice.evidence.n, 20u);
  EXPECT_DOUBLE_EQ(choice.evidence.score_off, 0.25);
  EXPECT_DOUBLE_EQ(choice.evidence.score_on, 0.75);
  EXPECT_NEAR(choice.evidence.p_value, 2.0 / 1024, 1e-12);  // ten won, none lost
  EXPECT_EQ(choice.evidence.strength, 0.15f);
}

TEST_F(SelectStrength, ZeroWinsTies) {
  StrengthOptions options;
  options.tasks = rows(601, 10);
  const auto choice = choose([](float) { return 5; }, options);
  EXPECT_EQ(choice.strength, 0.0f);
  EXPECT_EQ(choice.evidence.p_value, 1.0);
  EXPECT_EQ(choice.evidence.score_on, choice.evidence.score_off);
}

TEST_F(SelectStrength, AmongEqualsTheSmallerMagnitudeWins) {
  StrengthOptions options;
  options.tasks = rows(601, 10);
  options.grid = {0.3f, -0.05f, 0.0f};
  EXPECT_EQ(choose([](float s) { return s == 0.0f ? 2 : 6; }, options).strength, -0.05f);
}

TEST_F(SelectStrength, ZeroRunsFirstAndOnTheBaseAlone) {
  StrengthOptions options;
  options.tasks = rows(601, 3);
  options.grid = {0.3f, 0.0f, 0.3f};
  choose([](float) { return 1; }, options);
  EXPECT_THAT(asked_, testing::ElementsAre(0.0f, 0.0f, 0.0f, 0.3f, 0.3f, 0.3f));
}

TEST_F(SelectStrength, TakesTheSameTasksEveryTime) {
  StrengthOptions options;
  options.tasks = rows(601, 30);
  options.n_tasks = 10;
  options.grid = {0.0f};
  const auto first = choose([](float) { return 15; }, options);
  const auto second = choose([](float) { return 15; }, options);
  EXPECT_EQ(first.trials[0].n, 10u);
  EXPECT_EQ(first.trials[0].passed, second.trials[0].passed);
  EXPECT_NE(first.trials[0].passed, 10u);  // a shuffle, not the first ten rows (all of which pass)
}

TEST_F(SelectStrength, EvaluationIdsAreRefused) {
  StrengthOptions options;
  options.tasks = rows(600, 2);
  EXPECT_ERROR(choose([](float) { return 0; }, options), ErrorCode::kInvalidArgument, "Mbpp/600: ids below 601 are for evaluation");
}

TEST_F(SelectStrength, AGridWithoutZeroIsRefused) {
  StrengthOptions options;
  options.tasks = rows(601, 2);
  options.grid = {0.1f};
  EXPECT_ERROR(choose([](float) { return 0; }, options), ErrorCode::kInvalidArgument, "grid holds no 0");
  options.grid = {0.0f, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_ERROR(choose([](float) { return 0; }, options), ErrorCode::kInvalidArgument, "not finite");
  options.grid = {0.0f};
  options.tasks.clear();
  EXPECT_ERROR(choose([](float) { return 0; }, options), ErrorCode::kInvalidArgument, "no rows were named");
}

TEST_F(SelectStrength, WithAFolderItResumes) {
  StrengthOptions options;
  options.tasks = rows(601, 4);
  options.grid = {0.0f, 0.3f};
  options.out_dir = dir_ / "trials";
  choose([](float s) { return s > 0 ? 3 : 1; }, options);
  asked_.clear();
  const auto again = choose([](float s) { return s > 0 ? 3 : 1; }, options);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(again.strength, 0.3f);
}

}  // namespace
}  // namespace aicoder
