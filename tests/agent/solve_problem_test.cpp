// A scripted model and a scripted box: who votes, when sampling ends, what is claimed.
#include <gtest/gtest.h>

#include <deque>

#include "aicoder/agent.h"

namespace aicoder {
namespace {

constexpr const char* kProblem = "Ann has 3 boxes of 4 eggs. How many eggs does she have?";

/// Answers in words and programs, each in its own order; the last of each repeats.
class Model : public TextGenerator {
 public:
  std::deque<std::string> words, programs;
  std::vector<GenerationRequest> asked;

  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const std::stop_token&,
                                         const std::function<void(size_t, const GenerationResult&)>&) override {
    std::vector<GenerationResult> results;
    for (const auto& request : requests) {
      asked.push_back(request);
      GenerationResult result;
      for (size_t i = 0; i < request.n; ++i) result.output.samples.push_back(sample(request.assistant_prefix.empty() ? words : programs));
      results.push_back(std::move(result));
    }
    return results;
  }
  size_t count_tokens(std::span<const ChatMessage>) override { return 10; }
  size_t n_ctx_seq() const override { return 4096; }
  std::string model_name() const override { return "scripted"; }

 private:
  static GenerateSample sample(std::deque<std::string>& texts) {
    GenerateSample out;
    out.text = texts.front();
    out.tokens = {1, 2};
    out.finish = out.text.ends_with("[cut]") ? FinishReason::kLength : FinishReason::kStop;
    if (texts.size() > 1) texts.pop_front();
    return out;
  }
};

/// The "program" of the script says what the box would print: `    return 12`, or `    raise`.
class Box : public CodeRunner {
 public:
  size_t runs = 0;
  SandboxResult run(const SandboxRequest& request, const std::stop_token&) override {
    ++runs;
    const std::string& code = request.files.at("answer.py");
    SandboxResult result;
    const size_t at = code.find("return ");
    result.verdict = at == std::string::npos ? Verdict::kRe : Verdict::kOk;
    if (at != std::string::npos) result.out = "printed 99\n\n" + code.substr(at + 7, code.find('\n', at) - at - 7) + "\n";
    return result;
  }
  std::string level() const override { return "L3"; }
};

AgentResult solve(Model& model, CodeRunner* box, AgentOptions options = {}, Mode mode = Mode::kAuto) {
  return Agent(model, box, options).run({.task = kProblem, .mode = mode}, {});
}

TEST(SolveProblem, WordsAndProgramThatAgreeEndItAndItRan) {
  Model model;
  model.words = {"3 * 4\n#### 12"};
  model.programs = {"    return 12\n"};
  Box box;
  const AgentResult result = solve(model, &box);
  EXPECT_EQ(result.mode, Mode::kAgent);
  EXPECT_EQ(result.answer, "3 * 4\n#### 12");
  EXPECT_EQ(result.verification, Verification::kRan) << "no test was given: never verified";
  EXPECT_EQ(result.verification_detail, "2 of 2 answers say 12, 1 of them computed by a program");
  EXPECT_EQ(model.asked.size(), 2u);
  EXPECT_EQ(box.runs, 1u);
}

TEST(SolveProblem, DisagreementIsVotedOn) {
  Model model;
  model.words = {"#### 7", "#### 12", "#### 12"};
  model.programs = {"    return 12.0\n", "    raise ValueError\n", "    return 12\n"};
  Box box;
  const AgentResult result = solve(model, &box);
  EXPECT_EQ(result.answer, "#### 12");
  EXPECT_EQ(result.verification_detail, "4 of 5 answers say 12, 2 of them computed by a program");
  ASSERT_EQ(model.asked.size(), 4u) << "one round of samples settles it";
  EXPECT_EQ(model.asked[2].n + model.asked[3].n, 4u);
  EXPECT_GT(model.asked[2].sampling.temperature, 0);
}

TEST(SolveProblem, AValueOnlyProgramsFoundIsShownWithItsProgram) {
  Model model;
  model.words = {"I do not know."};
  model.programs = {"    return 12\n"};
  Box box;
  const AgentResult result = solve(model, &box);
  EXPECT_NE(result.answer.find("def solution():\n    return 12"), std::string::npos) << result.answer;
  EXPECT_TRUE(result.answer.ends_with("The answer is 12\n"));
}

TEST(SolveProblem, AnAnswerThatWasCutHasNoVote) {
  Model model;
  model.words = {"first 3 boxes, then 4 [cut]", "#### 12"};
  model.programs = {"    raise\n", "    raise\n"};
  Box box;
  const AgentResult result = solve(model, &box);
  EXPECT_EQ(result.answer, "#### 12");
  EXPECT_EQ(result.verification, Verification::kNotRun) << "no program gave a number";
}

TEST(SolveProblem, RoundsAreBoundedAndNoNumberIsAnOutcome) {
  Model model;
  model.words = {"nothing"};
  model.programs = {"    raise\n"};
  Box box;
  const AgentResult result = solve(model, &box, {.max_repairs = 2});
  EXPECT_EQ(result.answer, "nothing");
  EXPECT_EQ(result.verification_detail, "no answer gave a number");
  EXPECT_EQ(model.asked.size(), 6u);
}

TEST(SolveProblem, WithoutASandboxOnlyWordsVote) {
  Model model;
  model.words = {"#### 12"};
  const AgentResult result = solve(model, nullptr, {}, Mode::kAgent);
  EXPECT_EQ(result.answer, "#### 12");
  EXPECT_EQ(result.verification, Verification::kNotRun);
  for (const auto& request : model.asked) EXPECT_TRUE(request.assistant_prefix.empty());
}

}  // namespace
}  // namespace aicoder
