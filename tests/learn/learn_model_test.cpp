// The real trainer on the test model and the real sandbox; the answers are scripted, so that what is verified, kept and gained is known.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aicoder/learn.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

/// Solves "add N" tasks: the base the even ones, the fragment all of them.
class Model135 : public TextGenerator {
 public:
  bool solves_any = true;
  size_t asked_with_fragment = 0;
  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const std::stop_token&,
                                         const std::function<void(size_t, const GenerationResult&)>& on_done) override {
    std::vector<GenerationResult> results;
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto& request = requests[i];
      const std::string& text = request.messages.back().content;
      const int number = std::stoi(text.substr(text.find("add ") + 4));
      const bool tuned = !request.fragments.empty();
      asked_with_fragment += tuned ? 1 : 0;
      const bool right = solves_any && (tuned || number % 2 == 0);
      GenerationResult result;
      GenerateSample sample;
      const std::string longer = request.sampling.temperature > 0 ? "    y = 0\n" : "";
      sample.text =
          "def add_" + std::to_string(number) + "(x):\n" + longer + "    return x + " + std::to_string(right ? number : number + 1);
      sample.tokens = {1, 2};
      sample.finish = FinishReason::kStopString;
      result.output.samples = {sample};
      results.push_back(result);
      if (on_done) on_done(i, result);
    }
    return results;
  }
  size_t count_tokens(std::span<const ChatMessage>) override { return 10; }
  size_t n_ctx_seq() const override { return 2048; }
  std::string model_name() const override { return "scripted"; }
};

class Learn : public testing::Test {
 protected:
  void SetUp() override {
    std::string rows;
    for (int i = 601; i < 641; ++i) {
      const std::string name = "add_" + std::to_string(i), call = name + "(1) == " + std::to_string(i + 1);
      rows += nlohmann::json{{"task_id", i},
                             {"prompt", "Write a function to add " + std::to_string(i) + "."},
                             {"code", "def " + name + "(x):\n    return x + " + std::to_string(i)},
                             {"test_imports", nlohmann::json::array()},
                             {"test_list", {"assert " + call, "assert " + name + "(0) == " + std::to_string(i)}}}
                  .dump() +
              "\n";
    }
    write_file_atomic(dir_ / "tasks.jsonl", rows);
  }
  LearnOptions options() {
    LearnOptions o;
    o.name = "own";
    o.tasks = dir_ / "tasks.jsonl";
    o.work_dir = dir_ / "work";
    o.out = dir_ / "fragments" / "own.gguf";
    o.n_samples = 2;
    o.general = {{.text = "The sun rises in the east and sets in the west. Water boils at one hundred degrees.", .messages = {}}};
    o.train.rank = 2;
    o.train.n_ctx = 128;
    o.train.batch = 1;
    o.train.max_steps = 2;
    o.train.rate = 1e-6;  // so small that nothing is forgotten
    o.train.measure_tokens = 32;
    o.model_fingerprint = model_->fingerprint();
    return o;
  }
  test::TempDir dir_;
  std::shared_ptr<const Model> model_ = Model::load(test::require_model("smollm2-135m"), {.repack = false});
  Sandbox box_;
};

TEST_F(Learn, VerifiedWorkBecomesAFragmentThatIsMeasuredAndDeployed) {
  Model135 generator;
  const LearnResult result = learn(model_, generator, box_, options());
  EXPECT_EQ(result.tasks + result.held_out, 40u);
  EXPECT_EQ(result.sampled, result.tasks * 2);
  EXPECT_GT(result.verified, 0u);
  EXPECT_EQ(result.kept, result.verified) << "two different answers to each even task";
  EXPECT_EQ(result.after.passed, result.held_out);
  EXPECT_LT(result.before.passed, result.held_out);
  EXPECT_EQ(generator.asked_with_fragment, result.held_out) << "the new fragment answers the held-out tasks only";
  EXPECT_TRUE(result.deployed) << result.checks[0].found << "; " << result.checks[1].found << "; " << result.checks[2].found;
  EXPECT_EQ(result.path, dir_ / "fragments" / "own.gguf");
  const FragmentInfo info = inspect_fragment(result.path);
  EXPECT_EQ(standing(info), Standing::kHelps);
  ASSERT_EQ(info.evidence.size(), 1u);
  EXPECT_EQ(info.evidence[0].n, result.held_out);
  // No task that judges is in what was learned from.
  const std::string kept = read_file(dir_ / "work" / "kept.jsonl");
  for_each_line(dir_ / "work" / "held_out.jsonl", [&](size_t, std::string_view line) {
    const std::string prompt = nlohmann::json::parse(line)["prompt"];
    EXPECT_EQ(kept.find(prompt), std::string::npos) << prompt;
  });
  const auto lineage = nlohmann::json::parse(read_file(dir_ / "work" / "learn.json"));
  EXPECT_EQ(lineage["passed"], true);
  EXPECT_TRUE(lineage["replaces"].is_null());

  // The same command again does none of the work twice.
  const size_t asked = generator.asked_with_fragment;
  const LearnResult again = learn(model_, generator, box_, options());
  EXPECT_EQ(generator.asked_with_fragment, asked);
  EXPECT_TRUE(again.deployed);
  EXPECT_TRUE(roll_back(result.path)) << "the earlier one, which is the same";
}

TEST_F(Learn, WithoutAGainOrGeneralTextNothingIsDeployed) {
  Model135 generator;
  LearnOptions o = options();
  o.general.clear();
  const LearnResult result = learn(model_, generator, box_, o);
  EXPECT_FALSE(result.deployed);
  EXPECT_FALSE(std::filesystem::exists(o.out));
  EXPECT_TRUE(std::filesystem::exists(result.path));
}

TEST_F(Learn, RefusesOtherOptionsInTheSameFolderAndWorkThatNeverPassed) {
  Model135 generator;
  generator.solves_any = false;
  EXPECT_ERROR(learn(model_, generator, box_, options()), ErrorCode::kFailedPrecondition, "nothing to learn from");
  LearnOptions other = options();
  other.train.rank = 4;
  EXPECT_ERROR(learn(model_, generator, box_, other), ErrorCode::kFailedPrecondition, "other options");
  LearnOptions unnamed = options();
  unnamed.name.clear();
  EXPECT_ERROR(learn(model_, generator, box_, unnamed), ErrorCode::kInvalidArgument, "no name");
  LearnOptions suite = options();
  suite.suite = "humaneval";
  EXPECT_ERROR(learn(model_, generator, box_, suite), ErrorCode::kInvalidArgument, "expected mbpp or gsm8k");
}

}  // namespace
}  // namespace aicoder
