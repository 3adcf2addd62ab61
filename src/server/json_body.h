// The body of a request: bytes to JSON under limits, and fields read with their place in every message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/api_error.h"

namespace aicoder::server {

inline constexpr size_t kMaxJsonDepth = 64;  // copying and writing deeper documents overflows the stack

/// \throws ApiError 400: no UTF-8, no JSON, deeper than kMaxJsonDepth, no object.
Json parse_body(std::string_view body);

/// JSON as text for a client; what is not UTF-8 is replaced, never thrown.
std::string dump(const Json& json);

/// One object of a request. A field that is null counts as absent, as OpenAI has it.
class Fields {
 public:
  /// \throws ApiError 400 where `object` is no object.
  Fields(const Json& object, std::string place = {});
  const Json* get(std::string_view name) const;  ///< nullptr: absent
  bool has(std::string_view name) const { return get(name) != nullptr; }
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<double> number(std::string_view name, double low, double high) const;
  std::optional<int64_t> integer(std::string_view name, int64_t low, int64_t high) const;
  std::optional<std::string> text(std::string_view name) const;
  std::string required_text(std::string_view name) const;
  const Json* array(std::string_view name) const;
  std::string place(std::string_view name) const { return place_.empty() ? std::string(name) : place_ + "." + std::string(name); }

 private:
  const Json& object_;
  std::string place_;
};

}  // namespace aicoder::server
