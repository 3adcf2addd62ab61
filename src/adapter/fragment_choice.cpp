#include <charconv>
#include <cmath>

#include "aicoder/adapter.h"

namespace aicoder {

FragmentChoice parse_fragment_choice(std::string_view text) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kInvalidArgument, "[fragment] '" + std::string(text) + "': " + what,
                "write NAME or NAME:STRENGTH, e.g. coder:0.3");
  };
  FragmentChoice choice;
  const size_t colon = text.rfind(':');
  choice.name = std::string(text.substr(0, colon));
  if (choice.name.empty()) refuse("expected a name");
  if (colon == std::string_view::npos) return choice;
  const std::string_view number = text.substr(colon + 1);
  float strength = 0;
  const char* end = number.data() + number.size();
  const char* begin = number.data() + (number.starts_with('+') ? 1 : 0);
  const auto [rest, error] = std::from_chars(begin, end, strength);
  const bool parsed = error == std::errc() && rest == end && begin != end;
  if (!parsed || !std::isfinite(strength) || strength < -8 || strength > 8) {
    refuse("the strength is '" + std::string(number) + "', expected a number from -8 to 8");
  }
  choice.strength = strength;
  return choice;
}

}  // namespace aicoder
