// Words of a line, cut at blanks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aicoder::text {

std::vector<std::string> split_words(std::string_view line);
std::string_view strip_end(std::string_view line);  ///< without the blanks at its end, as Python's rstrip

}  // namespace aicoder::text
