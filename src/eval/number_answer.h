// The number an answer in words ends with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aicoder::eval {

/// A number as it stands in a text, and its value.
struct NumberFound {
  std::string text;  ///< "1,234.50", without sign of currency or a full stop after it
  double value = 0;
};
/// The number right after the first "####". nullopt where there is none.
std::optional<NumberFound> marked_number(std::string_view text);
/// The last number of the text. A minus counts as its sign where no digit, letter or bracket stands before it: not in "9-4".
std::optional<NumberFound> last_number(std::string_view text);

}  // namespace aicoder::eval
