#include "eval/limited_json.h"

namespace aicoder::eval {

nlohmann::json parse_limited_json(std::string_view text) {
  using json = nlohmann::json;
  bool too_deep = false;
  const auto limit = [&too_deep](int depth, json::parse_event_t event, json&) {
    if (depth > 64 && (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start)) too_deep = true;
    return !too_deep;
  };
  json value = json::parse(text, limit, /*allow_exceptions=*/false);
  if (too_deep) return json(json::value_t::discarded);
  return value;
}

std::string dump_json(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace aicoder::eval
