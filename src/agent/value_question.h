// Whether a task asks for a value that can be computed, such as a word problem.
#pragma once

#include <string_view>

namespace aicoder::agent {

/// True when the text gives at least two numbers and asks for one ("how many", "몇", a question mark). Pure; no model.
bool asks_for_value(std::string_view task);

/// True when the text asks for code to be written ("write a function", "함수를 작성").
bool asks_for_code(std::string_view task);

}  // namespace aicoder::agent
