#include "server/api_error.h"

#include <fmt/format.h>

#include "aicoder/model.h"

namespace aicoder::server {
namespace {

ErrorCode code_of(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kFailedPrecondition;
    case 429:
      return ErrorCode::kResourceExhausted;
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kInternal;
  }
}

ApiError of_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return {400, "invalid_request_error", "invalid_value", "The engine does not accept this request."};
    case ErrorCode::kNotFound:
      return {404, "invalid_request_error", "not_found",
              "There is no such thing here; GET /v1/models and GET /v1/fragments list what there is."};
    case ErrorCode::kFailedPrecondition:
      return {409, "invalid_request_error", "failed_precondition", "This cannot be done in the present state of the server."};
    case ErrorCode::kResourceExhausted:
      return overloaded("Too many requests are waiting already; try again.");
    case ErrorCode::kDeadlineExceeded:
      return {504, "server_error", "deadline_exceeded", "The request took longer than is allowed."};
    case ErrorCode::kCancelled:
      return overloaded("The request was stopped before it was through.");
    case ErrorCode::kPermissionDenied:
      return {403, "invalid_request_error", "permission_denied", "This is not allowed here."};
    case ErrorCode::kDataLoss:
      return {500, "server_error", "data_loss", "A file of the server is broken; its log names it."};
    case ErrorCode::kUnavailable:
      return overloaded("This is not available now; try again.");
    case ErrorCode::kUnimplemented:
      return {501, "invalid_request_error", "unsupported", "This is not built yet."};
    case ErrorCode::kInternal:
      break;
  }
  return {500, "server_error", "internal", "Something went wrong in the server; its log says what, under this request's id."};
}

}  // namespace

ApiError::ApiError(int status, std::string kind, std::string name, const std::string& message, std::string param)
    : Error(code_of(status), message), status_(status), kind_(std::move(kind)), name_(std::move(name)), param_(std::move(param)) {}

ApiError bad_request(const std::string& param, const std::string& message, std::string name) {
  return {400, "invalid_request_error", std::move(name), param.empty() ? message : param + ": " + message, param};
}

ApiError unsupported(const std::string& param, const std::string& message) { return bad_request(param, message, "unsupported"); }

ApiError overloaded(const std::string& message, std::chrono::seconds retry_after) {
  ApiError error(503, "server_error", "overloaded", message);
  error.retry_after = retry_after;
  return error;
}

ApiError rate_limited(std::chrono::seconds retry_after) {
  ApiError error(429, "rate_limit_error", "rate_limit_exceeded", "Too many requests; wait a little.");
  error.retry_after = retry_after;
  return error;
}

ApiError to_api_error(const std::exception& error) {
  if (const auto* api = dynamic_cast<const ApiError*>(&error)) return *api;
  if (const auto* overflow = dynamic_cast<const ContextOverflow*>(&error)) {
    return {400, "invalid_request_error", "context_length_exceeded",
            fmt::format("The request takes {} tokens; a conversation here holds {}.", overflow->n_tokens(), overflow->n_ctx()), "messages"};
  }
  const auto* known = dynamic_cast<const Error*>(&error);
  return of_code(known != nullptr ? known->code() : ErrorCode::kInternal);
}

Json error_json(const ApiError& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {
      {"error", {{"message", error.what()}, {"type", error.kind()}, {"param", or_null(error.param())}, {"code", or_null(error.name())}}}};
}

}  // namespace aicoder::server
