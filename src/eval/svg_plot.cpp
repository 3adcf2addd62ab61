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

struct Scale {
  double low, high, step;
  double y(double value) const { return kTop + (high - value) / (high - low) * (kHeight - kTop - kBottom); }
};

Scale scale_of(const std::vector<PlotSeries>& series) {
  double low = 0, high = 0;
  for (const auto& s : series) {
    for (const auto* values : {&s.value, &s.low, &s.high}) {
      for (const double v : *values) {
        if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
      }
    }
  }
  if (high - low < 1e-9) high = low + 1;
  const double step = round_step(high - low);
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
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
  const Scale scale = scale_of(series);
  std::string svg =
      fmt::format("<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kWidth, kHeight, html_escape(title));
  svg += fmt::format("<text class=\"title\" x=\"{}\" y=\"18\">{}</text>\n", kLeft, html_escape(title));
  const auto n_steps = static_cast<size_t>(std::lround((scale.high - scale.low) / scale.step));
  for (size_t i = 0; i <= n_steps; ++i) {
    const double v = scale.low + static_cast<double>(i) * scale.step;
    const double shown = std::fabs(v) < scale.step / 1000 ? 0 : v;
    svg += fmt::format("<line class=\"{}\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", shown == 0 ? "zero" : "grid", kLeft,
                       kWidth - kRight, scale.y(v), scale.y(v));
    svg += fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{:.3g}{}</text>\n", kLeft - 6, scale.y(v) + 4, shown,
                       html_escape(unit));
  }
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

std::string plot_style() {
  return ":root{color-scheme:light dark;--ink:#1a1a1a;--faint:#d5d5d5;--paper:#fff;--s0:#0b62a8;--s1:#b3510b;--s2:#3d7a2a}\n"
         "@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--faint:#444;--paper:#161616;--s0:#6db3f2;--s1:#f0a15e;--s2:#8fce78}}\n"
         ".plot{width:100%;max-width:640px;font:13px system-ui,sans-serif}.plot text{fill:var(--ink)}.plot "
         ".title{font-weight:600;font-size:14px}\n"
         ".plot .grid{stroke:var(--faint)}.plot .zero{stroke:var(--ink)}\n"
         ".s0 line{stroke:var(--s0);stroke-width:2}.s0 circle{fill:var(--s0)}.s1 line{stroke:var(--s1);stroke-width:2}.s1 "
         "circle{fill:var(--s1)}\n"
         ".s2 line{stroke:var(--s2);stroke-width:2}.s2 circle{fill:var(--s2)}\n";
}

}  // namespace aicoder::eval
