#include <gtest/gtest.h>

#include "aicoder/eval.h"

namespace aicoder {
namespace {

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

ProxyStudy study(double p_value) {
  ProxyPoint point;  // set by member: g++ 12 warns falsely of the initializer
  point.candidate = {"/f/a<b.gguf", 0.15f};
  point.recipe = "contrast";
  point.rank = 16;
  point.loss_changes = {-0.021};
  point.n = 60;
  point.passed = 30;
  point.base_passed = 27;
  point.gain = 0.05;
  return {
      .model = "M <1>",
      .model_fingerprint = "f",
      .engine = "e",
      .suite = "mbpp[601..]",
      .texts = {"own.jsonl"},
      .points = {point, point},
      .correlations = {{"loss of own.jsonl", {.n = 2, .rho = -0.9, .ci95 = {-1, -0.7}, .p_value = p_value}}, {"energy kept", {.n = 2}}}};
}

TEST(ProxyPage, ShowsAPlotForEachProxyAndEveryCandidate) {
  const std::string page = proxy_page(study(0.3), "aicoder fragment proxies ...");
  EXPECT_EQ(count(page, "<svg"), 2u);
  EXPECT_EQ(count(page, "<tr>"), 3u);
  EXPECT_NE(page.find("a&lt;b:0.15 (contrast): -2.100 %, 5.000"), std::string::npos) << page;
  EXPECT_NE(page.find("30 of 60"), std::string::npos);
  EXPECT_NE(page.find("aicoder fragment proxies ..."), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos) << "self-contained";
}

TEST(ProxyPage, ClaimsAnOrderOnlyBeyondWhatSeveralProxiesGiveByChance) {
  EXPECT_NE(proxy_page(study(0.04), "").find("No cheap measure orders these 2 candidates"), std::string::npos) << "two proxies: 0.025";
  EXPECT_NE(proxy_page(study(0.02), "").find("Ordered as the tasks do: loss of own.jsonl, Spearman -0.90"), std::string::npos);
}

}  // namespace
}  // namespace aicoder
