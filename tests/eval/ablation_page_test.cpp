#include <gtest/gtest.h>

#include "aicoder/eval.h"
#include "eval/svg_plot.h"

namespace aicoder {
namespace {

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

AblationPoint point(const std::string& axis, double task_on, double other_on) {
  AblationPoint p;
  p.axis = axis;
  p.recipe = "contrast";
  p.keep = 0.2;
  p.rank = 64;
  p.strength = 0.15f;
  p.loss_task_off = p.loss_other_off = 2;
  p.loss_task_on = task_on;
  p.loss_other_on = other_on;
  p.task_ci95 = {task_on / 2 - 1.01, task_on / 2 - 0.99};
  return p;
}

TEST(IntervalPlot, DrawsOneMarkATickAndSeriesAndEscapesItsTexts) {
  const std::string svg =
      eval::interval_plot("a < b", {"x", "y & z"}, {{"one", {1, -2}, {0, -3}, {2, -1}}, {"two", {5, 5}, {5, 5}, {5, 5}}}, " %");
  EXPECT_EQ(count(svg, "<title>"), 4u);
  EXPECT_EQ(count(svg, "<circle"), 4u + 2u) << "and one in the legend for each";
  EXPECT_EQ(count(svg, "class=\"zero\""), 1u);
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_NE(svg.find("y &amp; z"), std::string::npos);
  EXPECT_NE(svg.find("one, x: 1.000 % (0.000 to 2.000)"), std::string::npos) << svg;
}

TEST(IntervalPlot, NothingAndFlatDataGiveAPlotWithoutStrangeNumbers) {
  for (const auto& svg : {eval::interval_plot("t", {}, {}, ""), eval::interval_plot("t", {"a"}, {{"s", {0}, {0}, {0}}}, "")}) {
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

TEST(ScatterPlot, PutsPointsWhereTheirNumbersSay) {
  const std::string svg = eval::scatter_plot("t", "x < y", {{"first", -1, 2, 1, 3}, {"second", 1, -2, -3, -1}}, " %", "");
  EXPECT_EQ(count(svg, "<circle"), 2u);
  EXPECT_EQ(count(svg, "class=\"zero\""), 2u) << "one line on each axis";
  EXPECT_NE(svg.find("<title>first: -1.000 %, 2.000</title>"), std::string::npos) << svg;
  EXPECT_NE(svg.find("x &lt; y"), std::string::npos);
  // Left of the middle and above it, and the other way round: the axes run from -1 to 1 and from -3 or -4 up.
  const auto number_after = [&](size_t from, const std::string& name) {
    const size_t at = svg.find(name + "=\"", svg.find("<circle", from)) + name.size() + 2;
    return std::stod(svg.substr(at));
  };
  const size_t first = svg.find("first"), second = svg.find("second");
  EXPECT_LT(number_after(first, "cx"), number_after(second, "cx"));
  EXPECT_LT(number_after(first, "cy"), number_after(second, "cy"));
  EXPECT_EQ(eval::scatter_plot("t", "x", {}, "", "").find("nan"), std::string::npos);
}

TEST(AblationPage, NamesTheBestPointThatLeavesOtherTextAlone) {
  Ablation ablation{.model = "M <1>", .points = {point("rank", 1.8, 2.1), point("rank", 1.9, 2.0), point("keep", 1.95, 2.0)}};
  const std::string page = ablation_page(ablation, "aicoder fragment ablate ...");
  EXPECT_EQ(count(page, "<svg"), 2u) << "an axis without points has no plot";
  EXPECT_EQ(count(page, "<tr>"), 4u);
  // 1.8 moved the other text by 5 %.
  EXPECT_NE(page.find("-5.00 % loss on the held-out task text"), std::string::npos) << page;
  EXPECT_NE(page.find("M &lt;1&gt;"), std::string::npos);
  EXPECT_NE(page.find("aicoder fragment ablate ..."), std::string::npos);
  ablation.points = {point("rank", 1.8, 2.1)};
  EXPECT_NE(ablation_page(ablation, "").find("Every point made the other text more than 0.5 % worse."), std::string::npos);
}

}  // namespace
}  // namespace aicoder
