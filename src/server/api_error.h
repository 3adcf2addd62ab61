// What a client is told when something goes wrong: OpenAI's shape, a status, and a message of our own.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "aicoder/core.h"

namespace aicoder::server {

using Json = nlohmann::ordered_json;  // the order of a schema's properties is the order in which they are generated

/// Made by the server itself, so its text may reach the client. The text of any other exception never does.
class ApiError : public Error {
 public:
  /// \param kind   OpenAI's `type`: "invalid_request_error", "rate_limit_error", ...
  /// \param name   OpenAI's `code`; empty: null
  /// \param param  the field that is wrong; empty: null
  ApiError(int status, std::string kind, std::string name, const std::string& message, std::string param = {});
  int status() const noexcept { return status_; }
  const std::string& kind() const noexcept { return kind_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& param() const noexcept { return param_; }
  std::chrono::seconds retry_after{0};  ///< 0: no Retry-After header

 private:
  int status_;
  std::string kind_, name_, param_;
};

/// 400. \param param  "messages[2].content"
ApiError bad_request(const std::string& param, const std::string& message, std::string name = "invalid_value");
ApiError unsupported(const std::string& param, const std::string& message);
/// 503 with Retry-After.
ApiError overloaded(const std::string& message, std::chrono::seconds retry_after = std::chrono::seconds(1));

/// 429 with Retry-After.
ApiError rate_limited(std::chrono::seconds retry_after);

/// The one table from errors to HTTP: what a client may know of this error. Messages of the engine carry paths and stay here.
ApiError to_api_error(const std::exception& error);
Json error_json(const ApiError& error);

}  // namespace aicoder::server
