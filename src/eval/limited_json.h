// Parses JSON from a file that others may have written: depth is limited, because copying a deeply nested value overflows the stack.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace aicoder::eval {

/// A discarded value (is_discarded()) for anything that is not JSON or nests deeper than 64.
nlohmann::json parse_limited_json(std::string_view text);
/// One line; ill-formed UTF-8 becomes U+FFFD instead of an exception.
std::string dump_json(const nlohmann::json& value, int indent = -1);

}  // namespace aicoder::eval
