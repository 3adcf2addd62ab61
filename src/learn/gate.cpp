// May it deploy? Every check by what was measured, in words a person can argue with.
#include <fmt/format.h>

#include <algorithm>

#include "aicoder/learn.h"

namespace aicoder {

std::vector<GateCheck> gate_checks(const Comparison& held_out, const TrainResult& train, double max_general_rise, double max_p) {
  const size_t before = held_out.both + held_out.only_a, after = held_out.both + held_out.only_b;
  std::vector<GateCheck> checks;
  checks.push_back({"target gain", after > before, fmt::format("{} of {} held-out tasks, {} without it", after, held_out.n, before),
                    "more than without it"});
  checks.push_back(
      {"not by chance", after > before && held_out.p_mcnemar < max_p,
       fmt::format("exact McNemar p = {:.3g}; {} tasks can show {:.1f} points", held_out.p_mcnemar, held_out.n, held_out.detectable * 100),
       fmt::format("p below {:.3g}", max_p)});
  const bool measured = train.general_loss >= 0 && train.general_loss_before > 0;
  const double rise = measured ? train.general_loss / train.general_loss_before - 1 : 0;
  checks.push_back({"general loss", measured && rise <= max_general_rise,
                    measured ? fmt::format("{:+.2f} %", rise * 100) : std::string("not measured: no general text was given"),
                    fmt::format("a rise of at most {:.2f} %", max_general_rise * 100)});
  return checks;
}

std::vector<GateCheck> gate_checks(const FragmentEffect& effect, double max_rise, double max_p) {
  constexpr double kHarm = 0.05;  // harm needs less proof than a claim
  std::vector<GateCheck> checks;
  const double level = max_p / static_cast<double>(std::max<size_t>(effect.suites.size(), 1));
  bool gains = false;
  std::string best = "no suite was run";
  double best_p = 2;
  for (const SuiteEffect& s : effect.suites) {
    const Comparison& c = s.on_vs_off;
    const bool more = c.only_b > c.only_a;
    gains = gains || (more && c.p_mcnemar < level);
    const std::string found = fmt::format("{}: {:+.1f} points (95 % {:+.1f} to {:+.1f}), p = {:.3g}; {} tasks can show {:.1f}", s.suite,
                                          c.delta * 100, c.ci95[0] * 100, c.ci95[1] * 100, c.p_mcnemar, c.n, c.detectable * 100);
    if (const double p = more ? c.p_mcnemar : 1; p < best_p) {
      best_p = p;
      best = found;
    }
    checks.push_back(
        {"no loss on " + s.suite, more || c.p_mcnemar >= kHarm, found, fmt::format("no fewer solved with p below {:.3g}", kHarm)});
  }
  checks.insert(checks.begin(), {"gain", gains, best, fmt::format("more solved on a suite with p below {:.3g}", level)});
  for (const TextEffect& t : effect.texts) {
    checks.push_back({"loss of " + t.text.filename().string(), t.relative <= max_rise,
                      fmt::format("{:+.2f} % (95 % {:+.2f} to {:+.2f})", t.relative * 100, t.ci95[0] * 100, t.ci95[1] * 100),
                      fmt::format("a rise of at most {:.2f} %", max_rise * 100)});
  }
  if (effect.texts.empty())
    checks.push_back({"loss of other text", false, "no text was given", fmt::format("a rise of at most {:.2f} %", max_rise * 100)});
  return checks;
}

bool all_passed(const std::vector<GateCheck>& checks) noexcept {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(), [](const GateCheck& c) { return c.passed; });
}

}  // namespace aicoder
