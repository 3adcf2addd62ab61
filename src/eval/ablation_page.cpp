#include <fmt/format.h>

#include <map>

#include "aicoder/eval.h"
#include "eval/svg_plot.h"

namespace aicoder {
namespace {

using eval::html_escape;

std::string tick_of(const AblationPoint& p) {
  if (p.axis == "recipe") return p.recipe;
  if (p.axis == "keep") return fmt::format("{:.3g} %", p.keep * 100);
  if (p.axis == "rank") return fmt::format("{}", p.rank);
  if (p.axis == "base") return p.base;
  if (p.axis == "samples") return p.samples == 0 ? "all" : fmt::format("{}", p.samples);
  return fmt::format("{}", p.strength);
}

double change(double off, double on) { return off > 0 ? (on / off - 1) * 100 : 0; }

std::string plot(const std::string& axis, const std::vector<const AblationPoint*>& points) {
  static const std::map<std::string, std::string> titles = {{"recipe", "Recipe"},
                                                            {"keep", "Share of the weights kept"},
                                                            {"rank", "Rank"},
                                                            {"samples", "Calibration records"},
                                                            {"base", "File of the base"},
                                                            {"strength", "Strength"}};
  std::vector<std::string> ticks;
  eval::PlotSeries task{"held-out task text", {}, {}, {}}, other{"other text", {}, {}, {}};
  for (const AblationPoint* p : points) {
    ticks.push_back(tick_of(*p));
    task.value.push_back(change(p->loss_task_off, p->loss_task_on));
    task.low.push_back(p->task_ci95[0] * 100);
    task.high.push_back(p->task_ci95[1] * 100);
    other.value.push_back(change(p->loss_other_off, p->loss_other_on));
    other.low.push_back(p->other_ci95[0] * 100);
    other.high.push_back(p->other_ci95[1] * 100);
  }
  return eval::interval_plot(titles.at(axis) + ": change of the loss against the base", ticks, {task, other}, " %");
}

std::string row(const AblationPoint& p) {
  const auto cell = [](double off, double on, const std::array<double, 2>& ci) {
    return fmt::format("<td>{:+.2f} % <small>({:+.2f} to {:+.2f})</small></td>", change(off, on), ci[0] * 100, ci[1] * 100);
  };
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{:.3g}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1f} %</td>{}{}<td>{:.1f}</td></tr>\n",
      html_escape(p.axis), html_escape(p.recipe), p.keep, p.rank, p.samples == 0 ? "all" : std::to_string(p.samples), p.strength,
      p.retained_energy * 100, cell(p.loss_task_off, p.loss_task_on, p.task_ci95), cell(p.loss_other_off, p.loss_other_on, p.other_ci95),
      p.build_seconds);
}

/// The lowest loss on the task text among points whose other text got at most half a percent worse.
std::string key_result(const Ablation& ablation) {
  const AblationPoint* best = nullptr;
  for (const auto& p : ablation.points) {
    if (change(p.loss_other_off, p.loss_other_on) > 0.5) continue;
    if (best == nullptr || p.loss_task_on < best->loss_task_on) best = &p;
  }
  if (best == nullptr) return "Every point made the other text more than 0.5 % worse.";
  const double moved = change(best->loss_task_off, best->loss_task_on);
  const char* verdict = best->task_ci95[1] < 0 ? "below the base" : "not distinguishable from the base";
  return fmt::format(
      "Best of {} points that leave the other text within 0.5 %: {} at keep {:.3g}, rank {}, strength {}: {:+.2f} % loss on the held-out "
      "task text "
      "(95 % interval {:+.2f} to {:+.2f}), {}. It is the best of many, so its own interval is optimistic; a suite with checks decides.",
      ablation.points.size(), best->recipe, best->keep, best->rank, best->strength, moved, best->task_ci95[0] * 100,
      best->task_ci95[1] * 100, verdict);
}

}  // namespace

std::string ablation_page(const Ablation& ablation, const std::string& command) {
  std::string page = eval::page_head("Fragment ablation");
  page +=
      fmt::format("<h1>What moves the loss: {}</h1>\n<p><b>{}</b></p>\n", html_escape(ablation.model), html_escape(key_result(ablation)));
  page += fmt::format(
      "<p>One setting is changed at a time. Each dot is the change of the mean loss against the base without a fragment, on the same {} "
      "tokens of "
      "held-out task text and {} tokens of other text; the bar is a 95 % interval (paired bootstrap over windows of 512 tokens). Below "
      "zero is "
      "better. Loss of foreign text is a cheap proxy, not skill.</p>\n",
      ablation.tokens_task, ablation.tokens_other);
  std::map<std::string, std::vector<const AblationPoint*>> axes;
  for (const auto& p : ablation.points) axes[p.axis].push_back(&p);
  for (const char* axis : {"recipe", "strength", "rank", "keep", "samples", "base"}) {
    if (axes.contains(axis)) page += plot(axis, axes.at(axis));
  }
  page +=
      "<h2>All points</h2>\n<div "
      "class=\"scroll\"><table><tr><th>axis</th><th>recipe</th><th>keep</th><th>rank</th><th>records</th><th>strength</th>"
      "<th>energy kept</th><th>task loss</th><th>other loss</th><th>build, s</th></tr>\n";
  for (const auto& p : ablation.points) page += row(p);
  page += fmt::format("</table></div>\n<h2>How it was made</h2>\n<pre>{}</pre>\n<p>Model fingerprint {}<br>{}</p>\n</body></html>\n",
                      html_escape(command), html_escape(ablation.model_fingerprint), html_escape(ablation.engine));
  return page;
}

}  // namespace aicoder
