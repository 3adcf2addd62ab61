// Which base and which fragments a request means: "base+coder:0.3", or the field `fragments`.
#pragma once

#include <vector>

#include "aicoder/adapter.h"
#include "server/json_body.h"

namespace aicoder::server {

/// True for a name a client may use. Paths are the operator's: a client never names a file.
bool is_fragment_name(std::string_view name);

/// Reads `model` and `fragments`. A request without `model` means the base. \throws ApiError 404 for another base, 400.
/// \param aliases  other names of the base
std::vector<FragmentChoice> read_fragments(const Fields& fields, const std::string& base, const std::vector<std::string>& aliases = {});
/// "base+coder:0.3", what an answer says in `model`.
std::string model_text(const std::string& base, const std::vector<FragmentChoice>& fragments);

}  // namespace aicoder::server
