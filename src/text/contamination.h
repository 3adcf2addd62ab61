// What does not belong into a line of running text.
#pragma once

#include <string_view>
#include <vector>

#include "aicoder/text.h"

namespace aicoder::text {

/// Places within one line, bytes from its start; `line` is not set. Places of one kind do not overlap.
std::vector<ContaminationFound> find_in_line(std::string_view line, Script target);

}  // namespace aicoder::text
