// Plots as inline SVG that follow the page's colours.
#pragma once

#include <string>
#include <vector>

namespace aicoder::eval {

struct PlotSeries {
  std::string name;
  std::vector<double> value, low, high;  ///< one per tick; low and high bound the interval
};
/// Points with intervals over evenly spaced ticks, one colour a series, a line at 0. The class names are those of page_head().
/// \param unit  behind the numbers of the vertical axis
std::string interval_plot(const std::string& title, const std::vector<std::string>& ticks, const std::vector<PlotSeries>& series,
                          const std::string& unit);
struct PlotPoint {
  std::string name;  ///< shown when pointed at
  double x = 0, y = 0, low = 0, high = 0;
};
/// Points with vertical intervals over a numeric axis, lines at 0 on both. Units as for interval_plot.
std::string scatter_plot(const std::string& title, const std::string& x_name, const std::vector<PlotPoint>& points,
                         const std::string& x_unit, const std::string& y_unit);
/// Opens a page that holds plots and tables, up to its body: light and dark, no external asset.
std::string page_head(const std::string& title);
std::string html_escape(std::string_view text);

}  // namespace aicoder::eval
