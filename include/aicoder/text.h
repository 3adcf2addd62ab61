// text: what a text holds, seen without a model.
//
//   auto number = aicoder::last_number("so 37 remain");                 // "37", 37.0
//
// Knows no task and no score: whether an answer is right is eval's question.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aicoder {

/// A number as it stands in a text, and its value.
struct NumberFound {
  std::string text;  ///< "1,234.50", without sign of currency or a full stop after it
  double value = 0;
};
/// The number right after the first "####". nullopt where there is none.
std::optional<NumberFound> marked_number(std::string_view text);
/// The last number of the text. A minus counts as its sign where no digit, letter or bracket stands before it: not in "9-4".
std::optional<NumberFound> last_number(std::string_view text);
/// The number a worked answer gives as its own: the last in the last \boxed{}, else marked_number. nullopt where neither is there.
std::optional<NumberFound> given_number(std::string_view text);
/// given_number, else last_number.
std::optional<NumberFound> answer_number(std::string_view text);
/// How many numbers stand in the text, in digits.
size_t count_numbers(std::string_view text);

}  // namespace aicoder
