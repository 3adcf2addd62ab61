#include <fmt/format.h>

#include <algorithm>

#include "aicoder/eval.h"
#include "eval/svg_plot.h"

namespace aicoder {
namespace {

using eval::html_escape;

std::string label(const ProxyPoint& p) {
  return fmt::format("{}:{} ({})", std::filesystem::path(p.candidate.name).stem().string(), *p.candidate.strength, p.recipe);
}

std::string correlation_text(const Correlation& c) {
  return fmt::format("Spearman {:+.2f} (95 % {:+.2f} to {:+.2f}), p = {:.2g}", c.rho, c.ci95[0], c.ci95[1], c.p_value);
}

/// What the proxy named `name` says of a point, and the unit it is plotted in.
std::pair<double, const char*> proxy_value(const ProxyStudy& study, const std::string& name, const ProxyPoint& p) {
  for (size_t i = 0; i < study.texts.size(); ++i) {
    if (name == "loss of " + study.texts[i]) return {p.loss_changes[i] * 100, " %"};
  }
  if (name == "KL on the guard") return {p.kl, ""};
  if (name == "energy kept") return {p.retained_energy * 100, " %"};
  return {*p.candidate.strength, ""};
}

std::string plot(const ProxyStudy& study, const std::string& name, const Correlation& c) {
  std::vector<eval::PlotPoint> points;
  const char* unit = "";
  for (const auto& p : study.points) {
    const auto [x, x_unit] = proxy_value(study, name, p);
    unit = x_unit;
    points.push_back({label(p), x, p.gain * 100, p.gain_ci95[0] * 100, p.gain_ci95[1] * 100});
  }
  return eval::scatter_plot(name + ": " + correlation_text(c), name + ", against the points gained on tasks", points, unit, "");
}

std::string key_result(const ProxyStudy& study) {
  // With several proxies one of them looks good by chance: Bonferroni.
  const double bound = 0.05 / static_cast<double>(std::max<size_t>(study.correlations.size(), 1));
  std::string found;
  for (const auto& [name, c] : study.correlations) {
    if (c.p_value < bound) found += (found.empty() ? "" : "; ") + name + ", " + correlation_text(c);
  }
  return found.empty()
             ? fmt::format("No cheap measure orders these {} candidates as the tasks do (no p below {:.2g}).", study.points.size(), bound)
             : "Ordered as the tasks do: " + found + ".";
}

std::string row(const ProxyPoint& p) {
  std::string cells =
      fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td>", html_escape(std::filesystem::path(p.candidate.name).stem().string()),
                  html_escape(p.recipe), p.rank, *p.candidate.strength);
  for (const double change : p.loss_changes) cells += fmt::format("<td>{:+.2f} %</td>", change * 100);
  return cells + fmt::format(
                     "<td>{:.4f}</td><td>{:.1f} %</td><td>{} of {}</td><td>{}</td><td>{:+.1f} <small>({:+.1f} to "
                     "{:+.1f})</small></td><td>{:.2g}</td></tr>\n",
                     p.kl, p.retained_energy * 100, p.passed, p.n, p.base_passed, p.gain * 100, p.gain_ci95[0] * 100, p.gain_ci95[1] * 100,
                     p.p_mcnemar);
}

}  // namespace

std::string proxy_page(const ProxyStudy& study, const std::string& command) {
  std::string page = eval::page_head("Cheap measures and task success");
  page += fmt::format("<h1>What foretells success: {}</h1>\n<p><b>{}</b></p>\n", html_escape(study.model), html_escape(key_result(study)));
  page += fmt::format(
      "<p>Each dot is a fragment at one strength: what a cheap measure says of it against the points it gained on {} tasks of {} over the "
      "base "
      "(bars: 95 %, paired bootstrap). The correlation is over fragments; its interval resamples them.</p>\n",
      study.points.empty() ? 0 : study.points.front().n, html_escape(study.suite));
  for (const auto& [name, c] : study.correlations) page += plot(study, name, c);
  page += "<h2>All candidates</h2>\n<div class=\"scroll\"><table><tr><th>fragment</th><th>recipe</th><th>rank</th><th>strength</th>";
  for (const auto& text : study.texts) page += "<th>loss of " + html_escape(text) + "</th>";
  page += "<th>KL</th><th>energy kept</th><th>passed</th><th>base</th><th>points gained</th><th>p</th></tr>\n";
  for (const auto& p : study.points) page += row(p);
  return page + fmt::format("</table></div>\n<h2>How it was made</h2>\n<pre>{}</pre>\n<p>Model fingerprint {}<br>{}</p>\n</body></html>\n",
                            html_escape(command), html_escape(study.model_fingerprint), html_escape(study.engine));
}

}  // namespace aicoder
