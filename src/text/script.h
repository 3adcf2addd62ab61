// The script of a code point.
#pragma once

#include <optional>

#include "aicoder/text.h"

namespace aicoder::text {

/// nullopt: no letter.
std::optional<Script> script_of(char32_t point) noexcept;

}  // namespace aicoder::text
