// How the runner's report is read; what the runner itself does is in runner_e2e_test.cpp.
#include <gtest/gtest.h>

#include "agent/box_report.h"

namespace aicoder::agent {
namespace {

BoxReport parse(std::string_view out) {
  BoxReport report;
  report.box.verdict = Verdict::kOk;
  parse_runner_output(out, "N0", report);
  return report;
}

TEST(RunnerOutput, ReadsResultsErrorsAndFrames) {
  BoxReport report = parse(
      "@N0 {\"event\":\"collected\",\"ids\":[\"a\",\"b\"]}\n@N0 {\"event\":\"start\",\"id\":\"a\"}\n@N0 "
      "{\"event\":\"result\",\"id\":\"a\",\"status\":\"passed\"}\n"
      "@N0 "
      "{\"event\":\"result\",\"id\":\"b\",\"status\":\"failed\",\"error\":{\"message\":\"m\",\"type\":\"T\",\"missing\":\"\",\"frames\":"
      "[{\"file\":\"x.py\",\"line\":3,\"function\":\"f\",\"code\":\"c\"}]}}\n@N0 {\"event\":\"done\",\"framework\":\"unittest\"}\n");
  EXPECT_EQ(report.n_passed(), 1U);
  EXPECT_EQ(report.results["b"].frames.at(0).line, 3U);
  EXPECT_EQ(report.verdict(), "TESTS_FAILED");
}
TEST(RunnerOutput, LinesWithoutTheNonceAreIgnored) {
  BoxReport report = parse(
      "OK 100 passed\n@N1 {\"event\":\"result\",\"id\":\"a\",\"status\":\"passed\"}\n{\"event\":\"done\"}\n@N0\n@N0 not json\n@N0 [1]\n");
  EXPECT_TRUE(report.results.empty());
  EXPECT_FALSE(report.done);
  EXPECT_EQ(report.verdict(), "CRASHED");
}
TEST(RunnerOutput, TestThatBeganAndNeverEndedIsCrashed) {
  BoxReport report = parse("@N0 {\"event\":\"start\",\"id\":\"a\"}\n");
  EXPECT_EQ(report.results["a"].status, "crashed");
  EXPECT_EQ(report.n_passed(), 0U);
}
TEST(RunnerOutput, LaterPassDoesNotCoverAFailure) {
  BoxReport report = parse(
      "@N0 {\"event\":\"result\",\"id\":\"a\",\"status\":\"failed\"}\n@N0 {\"event\":\"result\",\"id\":\"a\",\"status\":\"passed\"}\n");
  EXPECT_FALSE(report.results["a"].passed());
}
TEST(RunnerOutput, NothingRunIsNoSuccess) { EXPECT_NE(parse("@N0 {\"event\":\"done\"}\n").verdict(), "OK"); }
TEST(RunnerOutput, DeepAndOddJsonDoesNoHarm) {
  parse("@N0 " + std::string(100'000, '[') + "\n");
  parse(
      "@N0 {\"event\":5,\"id\":[]}\n@N0 {\"event\":\"result\",\"id\":\"a\",\"error\":3}\n@N0 {\"event\":\"static\",\"ids\":{\"a\":5}}\n@N0 "
      "{\"event\":\"collected\",\"ids\":{}}\n"
      "@N0 {\"event\":\"result\",\"id\":\"b\",\"status\":\"failed\",\"error\":{\"frames\":[1,{\"line\":-5}]}}\n");
}

}  // namespace
}  // namespace aicoder::agent
