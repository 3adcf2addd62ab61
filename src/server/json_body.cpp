#include "server/json_body.h"

#include <fmt/format.h>

#include <cmath>
#include <exception>

namespace aicoder::server {
namespace {

struct TooDeep : std::exception {};

}  // namespace

Json parse_body(std::string_view body) {
  if (!is_utf8(body)) throw bad_request("", "The body is not valid UTF-8.", "invalid_json");
  try {
    auto json = Json::parse(body, [](int depth, Json::parse_event_t event, Json&) {
      const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
      if (opens && depth >= static_cast<int>(kMaxJsonDepth)) throw TooDeep();
      return true;
    });
    if (!json.is_object()) throw bad_request("", "The body must be a JSON object.", "invalid_json");
    return json;
  } catch (const TooDeep&) {
    throw bad_request("", fmt::format("The body is nested deeper than {}.", kMaxJsonDepth), "invalid_json");
  } catch (const Json::parse_error& error) {
    throw bad_request("", fmt::format("The body is not valid JSON: it cannot be read from byte {} on.", error.byte), "invalid_json");
  } catch (const Json::exception&) {
    throw bad_request("", "The body holds a number that is out of range.", "invalid_json");
  }
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Fields::Fields(const Json& object, std::string place) : object_(object), place_(std::move(place)) {
  if (!object.is_object()) throw bad_request(place_, "expected an object", "invalid_type");
}

const Json* Fields::get(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<bool> Fields::boolean(std::string_view name) const {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) throw bad_request(place(name), "expected true or false", "invalid_type");
  return value->get<bool>();
}

std::optional<double> Fields::number(std::string_view name, double low, double high) const {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) throw bad_request(place(name), "expected a number", "invalid_type");
  const auto number = value->get<double>();
  if (!(number >= low && number <= high)) throw bad_request(place(name), fmt::format("{} is not between {} and {}", number, low, high));
  return number;
}

std::optional<int64_t> Fields::integer(std::string_view name, int64_t low, int64_t high) const {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  const bool whole = value->is_number_integer() || (value->is_number_float() && value->get<double>() == std::floor(value->get<double>()));
  if (!whole) throw bad_request(place(name), "expected a whole number", "invalid_type");
  // Compared as double first: a huge unsigned value would wrap in int64.
  const auto number = value->get<double>();
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high))) {
    throw bad_request(place(name), fmt::format("expected a whole number from {} to {}", low, high));
  }
  return value->is_number_integer() ? value->get<int64_t>() : static_cast<int64_t>(number);
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const Json* value = get(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw bad_request(place(name), "expected a string", "invalid_type");
  return value->get<std::string>();
}

std::string Fields::required_text(std::string_view name) const {
  auto value = text(name);
  if (!value) throw bad_request(place(name), "this field is required", "missing_required_parameter");
  return *std::move(value);
}

const Json* Fields::array(std::string_view name) const {
  const Json* value = get(name);
  if (value != nullptr && !value->is_array()) throw bad_request(place(name), "expected an array", "invalid_type");
  return value;
}

}  // namespace aicoder::server
