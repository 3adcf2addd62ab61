#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aicoder::eval {

/// The first name that `expression` calls (`name(`) and that `code` defines at top level (`def name`). nullopt when there is none.
std::optional<std::string> first_defined_call(std::string_view expression, std::string_view code);

}  // namespace aicoder::eval
