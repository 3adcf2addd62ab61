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

bool all_passed(const std::vector<GateCheck>& checks) noexcept {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(), [](const GateCheck& c) { return c.passed; });
}

}  // namespace aicoder
