// Plots as inline SVG that follow the page's colours.
#pragma once

#include <string>
#include <vector>

namespace aicoder::eval {

struct PlotSeries {
  std::string name;
  std::vector<double> value, low, high;  ///< one per tick; low and high bound the interval
};
/// Points with intervals over evenly spaced ticks, one colour a series, a line at 0. The class names are those of plot_style().
/// \param unit  behind the numbers of the vertical axis
std::string interval_plot(const std::string& title, const std::vector<std::string>& ticks, const std::vector<PlotSeries>& series,
                          const std::string& unit);
/// CSS for the page that holds the plots.
std::string plot_style();
std::string html_escape(std::string_view text);

}  // namespace aicoder::eval
