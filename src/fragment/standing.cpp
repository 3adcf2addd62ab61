#include <algorithm>

#include "aicoder/fragment.h"

namespace aicoder {

std::string_view to_string(Standing standing) noexcept {
  switch (standing) {
    case Standing::kNotJudged:
      return "not judged";
    case Standing::kHelps:
      return "helps";
    case Standing::kNoDifference:
      return "no difference shown";
    case Standing::kMixed:
      return "helps and harms";
    case Standing::kHarms:
      return "harms";
  }
  return "unknown";
}

Standing standing(const FragmentInfo& info) noexcept {
  constexpr double kLevel = 0.05;
  // "mbpp[601..]": what chose a strength cannot judge it.
  const auto judges = [&](const Evidence& e) { return e.strength == info.strength && e.suite.find('[') == std::string::npos; };
  const auto n = static_cast<double>(std::count_if(info.evidence.begin(), info.evidence.end(), judges));
  if (info.strength == 0.0f || n == 0) return Standing::kNotJudged;
  bool better = false, worse = false;
  for (const auto& e : info.evidence) {
    if (!judges(e)) continue;
    better = better || (e.score_on > e.score_off && e.p_value < kLevel / n);
    worse = worse || (e.score_on < e.score_off && e.p_value < kLevel);  // harm needs less proof than a claim
  }
  if (better) return worse ? Standing::kMixed : Standing::kHelps;
  return worse ? Standing::kHarms : Standing::kNoDifference;
}

}  // namespace aicoder
