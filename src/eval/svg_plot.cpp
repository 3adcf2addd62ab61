#include "eval/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace aicoder::eval {
namespace {

constexpr double kWidth = 560, kHeight = 280, kLeft = 64, kRight = 16, kTop = 34, kBottom = 44;

/// 1, 2 or 5 times a power of ten, so that about five steps cover `range`.
double round_step(double range) {
  const double raw = range / 5, magnitude = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * magnitude) return factor * magnitude;
  }
  return 10 * magnitude;
}

/// From a round number to a round number, 0 among them.
class Scale {
 public:
  void hold(double value) {
    if (std::isfinite(value)) low_ = std::min(low_, value), high_ = std::max(high_, value);
  }
  void round() {
    if (high_ - low_ < 1e-9) high_ = low_ + 1;
    step_ = round_step(high_ - low_);
    low_ = std::floor(low_ / step_) * step_;
    high_ = std::ceil(high_ / step_) * step_;
  }
  std::vector<double> steps() const {
    std::vector<double> values;
    const auto n = static_cast<size_t>(std::lround((high_ - low_) / step_));
    for (size_t i = 0; i <= n; ++i) {
      const double v = low_ + static_cast<double>(i) * step_;
      values.push_back(std::fabs(v) < step_ / 1000 ? 0 : v);
    }
    return values;
  }
  double y(double value) const { return kTop + (high_ - value) / (high_ - low_) * (kHeight - kTop - kBottom); }
  double x(double value) const { return kLeft + (value - low_) / (high_ - low_) * (kWidth - kLeft - kRight); }

 private:
  double low_ = 0, high_ = 0, step_ = 1;
};

std::string plot_begin(const std::string& title) {
  return fmt::format(
      "<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n<text class=\"title\" x=\"{}\" "
      "y=\"18\">{}</text>\n",
      kWidth, kHeight, html_escape(title), kLeft, html_escape(title));
}

std::string y_axis(const Scale& scale, const std::string& unit) {
  std::string svg;
  for (const double v : scale.steps()) {
    svg += fmt::format("<line class=\"{}\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", v == 0 ? "zero" : "grid", kLeft,
                       kWidth - kRight, scale.y(v), scale.y(v));
    svg += fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{:.3g}{}</text>\n", kLeft - 6, scale.y(v) + 4, v,
                       html_escape(unit));
  }
  return svg;
}

}  // namespace

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string interval_plot(const std::string& title, const std::vector<std::string>& ticks, const std::vector<PlotSeries>& series,
                          const std::string& unit) {
  Scale scale;
  for (const auto& s : series) {
    for (const auto* values : {&s.value, &s.low, &s.high}) std::for_each(values->begin(), values->end(), [&](double v) { scale.hold(v); });
  }
  scale.round();
  std::string svg = plot_begin(title) + y_axis(scale, unit);
  const double slot = (kWidth - kLeft - kRight) / static_cast<double>(std::max<size_t>(ticks.size(), 1));
  for (size_t i = 0; i < ticks.size(); ++i) {
    svg += fmt::format("<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>\n",
                       kLeft + slot * (static_cast<double>(i) + 0.5), kHeight - kBottom + 18, html_escape(ticks[i]));
  }
  for (size_t k = 0; k < series.size(); ++k) {
    const auto& s = series[k];
    // Side by side around the tick, so that intervals do not hide each other.
    const double shift = (static_cast<double>(k) - (static_cast<double>(series.size()) - 1) / 2) * std::min(14.0, slot / 4);
    for (size_t i = 0; i < std::min({ticks.size(), s.value.size(), s.low.size(), s.high.size()}); ++i) {
      const double x = kLeft + slot * (static_cast<double>(i) + 0.5) + shift;
      svg += fmt::format("<g class=\"s{}\"><title>{}, {}: {:.3f}{} ({:.3f} to {:.3f})</title>", k, html_escape(s.name),
                         html_escape(ticks[i]), s.value[i], html_escape(unit), s.low[i], s.high[i]);
      svg += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/><circle cx=\"{0:.1f}\" cy=\"{3:.1f}\" r=\"4\"/></g>\n", x,
          scale.y(s.low[i]), scale.y(s.high[i]), scale.y(s.value[i]));
    }
    const double legend = kLeft + 150 * static_cast<double>(k);
    svg += fmt::format("<g class=\"s{}\"><circle cx=\"{}\" cy=\"{}\" r=\"4\"/></g><text class=\"tick\" x=\"{}\" y=\"{}\">{}</text>\n", k,
                       legend, kHeight - 10, legend + 8, kHeight - 6, html_escape(s.name));
  }
  return svg + "</svg>\n";
}

std::string scatter_plot(const std::string& title, const std::string& x_name, const std::vector<PlotPoint>& points,
                         const std::string& x_unit, const std::string& y_unit) {
  Scale across, up;
  for (const auto& p : points) {
    across.hold(p.x);
    for (const double v : {p.y, p.low, p.high}) up.hold(v);
  }
  across.round();
  up.round();
  std::string svg = plot_begin(title) + y_axis(up, y_unit);
  for (const double v : across.steps()) {
    svg += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>", v == 0 ? "zero" : "grid", across.x(v),
                       across.x(v), kTop, kHeight - kBottom);
    svg += fmt::format("<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{:.3g}{}</text>\n", across.x(v),
                       kHeight - kBottom + 18, v, html_escape(x_unit));
  }
  for (const auto& p : points) {
    svg += fmt::format(
        "<g class=\"s0\"><title>{}: {:.3f}{}, {:.3f}{}</title><line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"/></g>\n",
        html_escape(p.name), p.x, html_escape(x_unit), p.y, html_escape(y_unit), across.x(p.x), across.x(p.x), up.y(p.low), up.y(p.high),
        across.x(p.x), up.y(p.y));
  }
  svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{}\">{}</text>\n", kLeft, kHeight - 6, html_escape(x_name));
  return svg + "</svg>\n";
}

std::string page_head(const std::string& title) {
  return "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>" +
         html_escape(title) +
         "</title><style>\n"
         ":root{color-scheme:light dark;--ink:#1a1a1a;--faint:#d5d5d5;--paper:#fff;--s0:#0b62a8;--s1:#b3510b;--s2:#3d7a2a}\n"
         "@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--faint:#444;--paper:#161616;--s0:#6db3f2;--s1:#f0a15e;--s2:#8fce78}}\n"
         ".plot{width:100%;max-width:640px;font:13px system-ui,sans-serif}.plot text{fill:var(--ink)}.plot "
         ".title{font-weight:600;font-size:14px}\n"
         ".plot .grid{stroke:var(--faint)}.plot .zero{stroke:var(--ink)}\n"
         ".s0 line{stroke:var(--s0);stroke-width:2}.s0 circle{fill:var(--s0)}.s1 line{stroke:var(--s1);stroke-width:2}.s1 "
         "circle{fill:var(--s1)}\n"
         ".s2 line{stroke:var(--s2);stroke-width:2}.s2 circle{fill:var(--s2)}\n"
         "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 "
         "1rem;color:var(--ink);background:var(--paper)}\n"
         "table{border-collapse:collapse;font-size:14px}td,th{padding:.25rem .6rem;border-bottom:1px solid var(--faint);text-align:right}"
         "td:first-child,td:nth-child(2),th:first-child,th:nth-child(2){text-align:left}.scroll{overflow-x:auto}"
         "pre{overflow-x:auto;border:1px solid var(--faint);padding:.6rem}small{opacity:.75}\n</style><body>\n";
}

}  // namespace aicoder::eval
